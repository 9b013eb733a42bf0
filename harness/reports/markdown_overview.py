"""The table that opens a report in Markdown: every eval in a row, by what there is to tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from harness.records import Comparison
from harness.reports import scores, wording
from harness.reports.document import Document, Section
from harness.reports.escaping import code, prose
from harness.reports.markdown_tables import long_table
from harness.reports.scores import all_scores, unscored
from harness.reports.sections import (
    Story,
    document_story,
    own_comparisons,
    verdict,
)
from harness.reports.verdicts import Clarity, Kind, clarity, kind

ICONS: dict[Kind, str] = {"more": "⬆️", "fewer": "⬇️", "keep": "✅", "fix": "⚠️", "unsure": "❔"}

CLEAR: dict[Clarity, str] = {
    "better": "✅ **better**",
    "worse": "❌ **worse**",
    "level": "➖ not clearly different",
    "mixed": "⚠️ **better, but less diverse**",
    "unsure": "❔ cannot tell: most samples are excluded",
}

DIVERSITY: Mapping[str, str] = {
    "less": "less diverse",
    "level": "as diverse",
    "more": "more diverse",
    "unclear": "diversity unclear",
    "unmeasured": "diversity not measured",
}

ROOM = 18_000
"""Characters of the opening table."""

HEADERS: Mapping[Story, tuple[str, ...]] = {
    "advice": ("Eval", "Verdict", "Base → tuned", "Difference", "Confidence"),
    "comparison": (
        "Eval",
        "Tuned model",
        "Result",
        "Base → tuned",
        "Difference",
        "p",
        "Fixed / broken",
    ),
    "scores": ("Eval", "Score", "95% interval", "Samples", "Excluded"),
}

Row = tuple[str, ...]


def overview(document: Document) -> Iterator[str]:
    """The opening table, and how many rows it has no room for."""
    story = document_story(document)
    rows = [row for section in document.sections for row in ROWS[story](section)]
    yield from long_table(HEADERS[story], rows, ROOM)


def _advice_rows(section: Section) -> Iterator[Row]:
    found = verdict(section)
    lead, compared = found.lead, found.comparison
    ends = scores.course_text(compared) if compared else "–"
    ends += f" ({found.picked.short})" if found.picked else ""
    difference = wording.delta_text(compared.delta) if compared else "–"
    if lead is None:
        words = "chooses no epoch" if section.comparisons else "no advice"
        yield code(section.eval), words, ends, difference, "–"
        return
    words = f"{ICONS[kind(lead)]} **{prose(wording.headline(lead))}**"
    sure = "–" if kind(lead) == "unsure" else lead.confidence
    yield code(section.eval), words, ends, difference, sure


def _comparison_rows(section: Section) -> Iterator[Row]:
    for compared in own_comparisons(section):
        yield (
            code(section.eval),
            code(compared.tuned),
            result_cell(compared),
            scores.course_text(compared),
            wording.delta_text(compared.delta),
            prose(wording.p_value(compared.p_value)),
            flips_cell(compared),
        )
    if not own_comparisons(section):
        yield code(section.eval), "–", "nothing to compare", "–", "–", "–", "–"


def result_cell(compared: Comparison) -> str:
    """'better'; for open tasks followed by what is known of diversity."""
    told = CLEAR[clarity(compared)]
    if compared.diversity is None or clarity(compared) in ("mixed", "unsure"):
        return told
    return f"{told}; {DIVERSITY[compared.diversity.verdict]}"


def flips_cell(compared: Comparison) -> str:
    """'18 / 7'; a dash for graded marks."""
    if compared.fixed is None or compared.broken is None:
        return "–"
    return f"{compared.fixed:,} / {compared.broken:,}"


def _score_rows(section: Section) -> Iterator[Row]:
    for found in all_scores(section):
        own = found.own
        excluded = f"{found.excluded:,}"
        if own is None:
            yield code(section.eval), unscored(found), "–", f"{found.n:,}", excluded
        else:
            told = f"**{own.value}** {prose(own.name)}"
            yield code(section.eval), told, own.bounds or "–", f"{found.n:,}", excluded
    if not section.results:
        yield code(section.eval), "nothing was answered", "–", "0", "all"


ROWS: Mapping[Story, Callable[[Section], Iterator[Row]]] = {
    "advice": _advice_rows,
    "comparison": _comparison_rows,
    "scores": _score_rows,
}


def more_rows(rows: Sequence[object], shown: int) -> Iterator[str]:
    """How many rows of a table were left out; nothing where none was."""
    if len(rows) > shown:
        yield f"{len(rows) - shown:,} more rows are in the full report."
