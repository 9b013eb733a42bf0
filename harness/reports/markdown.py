"""Renders a Document as Markdown that fits a pull-request comment: verdicts first, then evidence.

Names are shown as code and sentences are escaped, so that nothing a model or registry says
becomes a link, a mention, a table cell or HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from harness.records import Comparison, Finding
from harness.reports import wording
from harness.reports.document import Document, Exclusion, Provenance, Section
from harness.reports.sections import Verdict, comparison_tables, model_label, verdict
from harness.reports.verdicts import Kind, kind

ICONS: dict[Kind, str] = {"more": "⬆️", "fewer": "⬇️", "keep": "✅", "fix": "⚠️", "unsure": "❔"}

MOST_CHARACTERS = 60_000
"""Comments of pull requests end at 65,536 characters."""

MOST_ROWS = 20
NAME_LIMIT = 80
SENTENCE_LIMIT = 600

_BREAK = "\u200b"
"""An invisible character that keeps a name from becoming a mention or a link."""

_PUNCTUATION = re.compile(r"([\\`*_\[\]|~])")
_LIST_START = re.compile(r"^(\d*)([-+=.)])")
_LINKS = re.compile(r"(@|#|://|www)")


def render_markdown(document: Document) -> str:
    """Return the report's summary; it says so where evals had to be left out for length."""
    start = "\n\n".join((*_opening(document), *_findings(document.findings)))
    end = "\n\n".join(_repeat(document.provenance))
    blocks = [start]
    room = MOST_CHARACTERS - len(start) - len(end)
    for section in document.sections:
        block = "\n\n".join(_section(section))
        room -= len(block) + 2
        if room < 0:
            blocks.append("More evals are in the full report; this summary had no room for them.")
            break
        blocks.append(block)
    return "\n\n".join((*blocks, end)) + "\n"


# --- escaping ------------------------------------------------------------------------


def prose(text: str) -> str:
    """A sentence that Markdown shows as it is, on one line."""
    line = wording.shortened(" ".join(wording.printable(text).split()), SENTENCE_LIMIT)
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _LINKS.sub(rf"\1{_BREAK}", _PUNCTUATION.sub(r"\\\1", line))
    return _LIST_START.sub(r"\1\\\2", line)


def code(text: str) -> str:
    """A name as inline code, fit for a table cell."""
    line = wording.shortened(" ".join(wording.printable(text).split()), NAME_LIMIT) or " "
    fence = _fence(line, 1)
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{space}{line}{space}{fence}".replace("|", "\\|")


def _fence(text: str, least: int) -> str:
    """More backticks than the text has in a row."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    return "`" * max(least, longest + 1)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = (header, ["---"] * len(header), *rows)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


# --- parts ---------------------------------------------------------------------------


def _opening(document: Document) -> Iterator[str]:
    yield f"# {prose(document.title)}"
    if document.description:
        yield prose(document.description)
    header = ("Eval", "Verdict", "Base → tuned", "Difference", "Confidence")
    yield _table(header, [_verdict_row(verdict(section)) for section in document.sections])


def _verdict_row(found: Verdict) -> tuple[str, ...]:
    lead, compared = found.lead, found.comparison
    name = code(found.section.eval)
    scores = f"{_share(compared)} | {_difference(compared)}" if compared else "– | –"
    if lead is None:
        return name, "no advice", scores, "–"
    words = f"{ICONS[kind(lead)]} **{prose(wording.headline(lead))}**"
    return name, words, scores, "–" if kind(lead) == "unsure" else lead.confidence


def _share(compared: Comparison) -> str:
    values = (compared.base_score.value, compared.tuned_score.value)
    return " → ".join(map(wording.percent, values))


def _difference(compared: Comparison) -> str:
    return f"{wording.delta_text(compared.delta)}"


def _section(section: Section) -> Iterator[str]:
    found = verdict(section)
    yield f"## {code(section.eval)}"
    if found.comparison:
        yield prose(wording.gain(found.comparison, found.epochs))
    reason = found.lead and wording.why(found.lead, beside_gain=found.comparison is not None)
    if reason:
        yield prose(reason)
    if found.states:
        states = (f"{wording.after(s.epochs)}: **{wording.chip(s)}**" for s in found.states)
        yield " · ".join(states)
    yield from _comparisons(section)
    yield from _findings(section.findings)
    yield from _exclusions(section.exclusions)


def _comparisons(section: Section) -> Iterator[str]:
    header = ("Tuned model", "Base", "Tuned", "Difference", "p", "Samples", "Fixed / broken")
    for table in comparison_tables(section):
        shown = [_comparison_row(section, row.comparison) for row in table.rows[:MOST_ROWS]]
        yield f"**{prose(wording.shortened(table.metric, NAME_LIMIT))}**"
        yield _table(header, shown)
        if len(table.rows) > MOST_ROWS:
            yield f"{len(table.rows) - MOST_ROWS} more rows are in the full report."


def _comparison_row(section: Section, compared: Comparison) -> tuple[str, ...]:
    label = model_label(section, compared.tuned)
    flips = "–" if compared.fixed is None else f"{compared.fixed} / {compared.broken}"
    return (
        code(label) if label == compared.tuned else label,
        wording.estimate_in("share", compared.base_score),
        wording.estimate_in("share", compared.tuned_score),
        _difference(compared),
        prose(wording.p_value(compared.p_value)),
        wording.samples(compared),
        flips,
    )


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    if findings:
        shown = [
            f"- {finding.severity}: {prose(wording.sentence(finding.message))}"
            for finding in findings[:MOST_ROWS]
        ]
        yield "\n".join(shown)


def _exclusions(exclusions: Sequence[Exclusion]) -> Iterator[str]:
    if exclusions:
        parts = (
            f"{wording.counted(e.count, 'sample')} of {code(e.model)} ({code(e.kind)})"
            for e in exclusions[:MOST_ROWS]
        )
        yield f"Left out: {wording.listed(list(parts))}."


def _repeat(origin: Provenance) -> Iterator[str]:
    yield "## How to repeat"
    command = wording.shortened(wording.printable(origin.command), 2_000)
    fence = _fence(command, 3)
    yield f"{fence}sh\n{command}\n{fence}"
    facts = [
        f"finetune-harness {prose(origin.harness_version)}",
        f"provider {code(origin.provider)}",
        f"base {code(origin.base)}",
        wording.counted(origin.requests, "request"),
        f"{origin.prompt_tokens + origin.completion_tokens:,} tokens",
        prose(wording.dollars(origin.cost_usd)),
    ]
    if origin.seeds:
        facts.insert(3, f"seeds {', '.join(map(str, origin.seeds))}")
    if origin.study_hash:
        facts.append(f"study {code(origin.study_hash[:16])}")
    yield " · ".join(facts)
