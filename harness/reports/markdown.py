"""Renders a Document as Markdown that fits a pull-request comment: the answer first, then why.

Names are shown as code and sentences are escaped, so that nothing a model or registry says
becomes a link, a mention, a table cell or HTML.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.reports import rounds, spending, wording
from harness.reports.document import Document, Performance, Provenance, Section
from harness.reports.escaping import code, longer_fence, prose
from harness.reports.markdown_gate import gate_parts
from harness.reports.markdown_overview import overview
from harness.reports.markdown_sections import findings_list, section_parts
from harness.reports.markdown_tables import folded, long_table
from harness.reports.sections import Story, document_story

MOST_CHARACTERS = 60_000
"""Comments of pull requests end at 65,536 characters."""

SAMPLE_ROWS = 60
"""Samples that all evals together may show, where there is room."""

ROOM_OF_A_TABLE = 5_000
"""Characters of the table of rounds, and of that of costs."""

MANY_EVALS = 8
"""Of more evals than these, each is behind a click."""

MOST_SAMPLE_ROWS = 8
"""Samples that one eval shows."""


def render_markdown(document: Document) -> str:
    """Return the report's summary; it says so where evals had to be left out for length."""
    opening = (*_opening(document), *_rounds(document), *findings_list(document.findings))
    start = "\n\n".join(opening)
    end = "\n\n".join(
        (
            *_spending(document.performance),
            *_repeat(document.provenance, document_story(document)),
        )
    )
    blocks = [start]
    room = MOST_CHARACTERS - len(start) - len(end)
    is_folded = len(document.sections) > MANY_EVALS
    samples = max(1, min(MOST_SAMPLE_ROWS, SAMPLE_ROWS // max(1, len(document.sections))))
    for section in document.sections:
        block = "\n\n".join(_section(section, samples, is_folded=is_folded))
        room -= len(block) + 2
        if room < 0:
            blocks.append("More evals are in the full report; this summary had no room for them.")
            break
        blocks.append(block)
    return "\n\n".join((*blocks, end)) + "\n"


def _section(section: Section, samples: int, *, is_folded: bool) -> Iterator[str]:
    """An eval under its heading; of many evals the rest opens on a click."""
    heading, *rest = section_parts(section, samples)
    yield heading
    if rest and is_folded:
        yield folded("Details", "\n\n".join(rest))
    else:
        yield from rest


def _opening(document: Document) -> Iterator[str]:
    yield f"# {prose(document.title)}"
    if document.description:
        yield prose(document.description)
    if document.gate is not None:
        yield from gate_parts(document.gate)
    if document.sections:
        yield from overview(document)
    else:
        yield "There is no eval in this report: nothing was measured."


def _rounds(document: Document) -> Iterator[str]:
    if not document.rounds:
        return
    yield "## Rounds"
    lines = [(code(row.eval), *map(prose, row.cells)) for row in rounds.rows(document.rounds)]
    more = "{} more rounds are in the full report."
    yield from long_table(("Eval", *rounds.HEADERS), lines, ROOM_OF_A_TABLE, more)


def _spending(told: Performance | None) -> Iterator[str]:
    if told is None:
        return
    yield "## Cost and latency"
    lines = [
        (f"{code(row.model)}{f' ({row.role})' if row.role else ''}", *map(prose, row.cells))
        for row in spending.rows(told.models)
    ]
    more = "{} more models are in the full report."
    yield from long_table(("Model", *spending.HEADERS), lines, ROOM_OF_A_TABLE, more, seen=12)
    yield prose(spending.about(told))


def _repeat(origin: Provenance, story: Story) -> Iterator[str]:
    yield "## How to repeat"
    command = wording.shortened(wording.printable(origin.command), 2_000)
    fence = longer_fence(command, 3)
    yield f"{fence}sh\n{command}\n{fence}"
    facts = [
        f"finetune-harness {prose(origin.harness_version)}",
        f"provider {code(origin.provider)}",
        f"{'model' if story == 'scores' else 'base'} {code(origin.base)}",
        wording.counted(origin.requests, "request"),
        f"{origin.prompt_tokens + origin.completion_tokens:,} tokens",
        prose(wording.dollars(origin.cost_usd)),
    ]
    if origin.seeds:
        facts.insert(3, f"seeds {', '.join(map(str, origin.seeds))}")
    if origin.embeddings:
        facts.append(f"embeddings by {code(origin.embeddings)}")
    if origin.study_hash:
        what = "study" if story == "advice" else "plan"
        facts.append(f"{what} {code(origin.study_hash[:16])}")
    yield " · ".join(facts)
