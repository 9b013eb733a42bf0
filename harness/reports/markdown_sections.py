"""One eval in Markdown: what it says, its tables, its samples, what was left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate

from harness.records import Comparison, Finding
from harness.reports import answers, confusion, scores, wording
from harness.reports.document import Confusion, Copy, Exclusion, Flip, Miss, Phrase, Section
from harness.reports.escaping import code, prose, table
from harness.reports.markdown_economics import economics_parts
from harness.reports.markdown_overview import flips_cell, more_rows
from harness.reports.markdown_tables import folded
from harness.reports.scores import Metric, all_scores
from harness.reports.sections import (
    Row,
    Story,
    comparison_tables,
    model_label,
    own_comparisons,
    story,
    verdict,
)

MOST_ROWS = 20
SEEN = 12
"""Rows of a table that stand open."""

MOST_FINDINGS, FINDINGS_ROOM = 20, 4_000
MOST_FURTHER = 3
MOST_PHRASES = 3
MOST_COPIES = 3
CELL_LIMIT = 160
"""Characters of a prompt or an answer in a cell."""

FLIP_WORDS = {"fixed": "fixed", "broken": "broken", "both_wrong": "both wrong"}


def section_parts(section: Section, samples: int) -> Iterator[str]:
    """The paragraphs and tables of one eval, with at most so many samples."""
    yield f"## {code(section.eval)}"
    yield from STORIES[story(section)](section, samples)
    yield from _confusions(section)
    yield from economics_parts(section)
    yield from _repetitions(section)
    yield from _copies(section)
    yield from findings_list(section.findings)
    yield from _exclusions(section.exclusions)


# --- advice --------------------------------------------------------------------------


def _advice(section: Section, _: int) -> Iterator[str]:
    found = verdict(section)
    if found.comparison:
        yield prose(wording.gain(found.comparison, found.epochs))
    if found.picked:
        yield prose(found.picked.told)
    reason = found.lead and wording.why(found.lead, beside_gain=found.comparison is not None)
    if reason:
        yield prose(reason)
    states = (f"{wording.after(s.epochs)}: **{wording.chip(s)}**" for s in found.states)
    yield " · ".join(states)
    yield from _comparisons(section)


def _comparisons(section: Section) -> Iterator[str]:
    header = ("Tuned model", "Base", "Tuned", "Difference", "p", "Samples", "Fixed / broken")
    for found in comparison_tables(section):
        rows = found.rows if found.metric == section.metric else _telling(found.rows)
        shown = [_comparison_row(section, row.comparison) for row in rows[:MOST_ROWS]]
        yield f"**{prose(scores.metric_name(section, found.metric))}**"
        yield _opened(header, shown)
        yield from more_rows(found.rows, len(shown))


def _telling(rows: Sequence[Row]) -> list[Row]:
    """Of a further metric the model to use and the last ones."""
    return [row for row in rows if row.chosen or row in rows[-MOST_FURTHER:]]


def _comparison_row(section: Section, compared: Comparison) -> tuple[str, ...]:
    label = model_label(section, compared.tuned)
    return (
        code(label) if label == compared.tuned else label,
        wording.estimate_in("share", compared.base_score),
        wording.estimate_in("share", compared.tuned_score),
        wording.delta_text(compared.delta),
        prose(wording.p_value(compared.p_value)),
        "; ".join(filter(None, (wording.samples(compared), wording.left_open(compared)))),
        flips_cell(compared),
    )


# --- a comparison --------------------------------------------------------------------


def _comparison(section: Section, samples: int) -> Iterator[str]:
    compared = own_comparisons(section)
    if len(compared) == 1:
        yield prose(wording.gain(compared[0], rivals=section.rivals))
    if not section.comparisons:
        yield "Nothing to compare: no sample has a mark from both models."
        for found in all_scores(section):
            yield f"{code(found.model)}: {prose(scores.sentence(found))}."
    yield from _comparisons(section)
    yield from _flips(section, samples)


def _flips(section: Section, most: int) -> Iterator[str]:
    if not section.flips:
        return
    shown = list(answers.in_turn(section.flips))[:most]
    yield f"**What changed** ({len(shown)} of {_flip_count(section)})"
    header = ("Change", "Prompt", "Ideal", "Base said", "Tuned said")
    yield _filled_table(header, [_flip_row(flip) for flip in shown])


def _flip_count(section: Section) -> str:
    return wording.counted(len(section.flips) + section.flips_omitted, "sample")


def _flip_row(flip: Flip) -> tuple[str, ...]:
    answered = (_cell(text) or "(empty)" for text in (flip.base_text, flip.tuned_text))
    return FLIP_WORDS[flip.kind], _prompt(flip.prompt), _cell(flip.ideal), *answered


# --- scores --------------------------------------------------------------------------


def _scores(section: Section, samples: int) -> Iterator[str]:
    if not section.results:
        yield "Nothing was answered."
    for found in all_scores(section):
        yield prose(wording.sentence(scores.sentence(found)))
        if found.further:
            yield _metric_table("Metric", found.further)
            yield from more_rows(found.further, MOST_ROWS)
        if found.fields:
            yield _metric_table("Field", found.fields)
            yield from more_rows(found.fields, MOST_ROWS)
    yield from _misses(section, samples)


def _metric_table(title: str, metrics: Sequence[Metric]) -> str:
    rows = [(prose(m.name), m.value, m.bounds or "–", f"{m.estimate.n:,}") for m in metrics]
    return _opened((title, "Value", "95% interval", "Samples"), rows[:MOST_ROWS])


def _opened(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; a long one is behind a click."""
    whole = table(header, rows)
    return whole if len(rows) <= SEEN else folded(f"{len(rows):,} rows", whole)


def _misses(section: Section, most: int) -> Iterator[str]:
    if not section.misses:
        return
    shown = section.misses[:most]
    yield f"**Wrong: {scores.misses_text(section)}** ({len(shown)} shown)"
    header = ("Sample", "Prompt", "Ideal", "Answer", "Why")
    yield _filled_table(header, [_miss_row(miss) for miss in shown])


def _miss_row(miss: Miss) -> tuple[str, ...]:
    why = miss.reason or (scores.mark_text(miss) if 0 < miss.mark < 1 else "")
    return (
        code(miss.sample_id),
        _prompt(miss.prompt),
        _cell(miss.ideal),
        _cell(miss.answer) or "(empty)",
        prose(wording.shortened(why, CELL_LIMIT)),
    )


def _prompt(text: str) -> str:
    """A prompt's end: what is asked stands there, and instructions that all share before it."""
    line = " ".join(text.split())
    return _cell(line if len(line) <= CELL_LIMIT else f"… {line[-CELL_LIMIT:]}")


def _cell(text: str) -> str:
    return code(text, CELL_LIMIT + 2) if text.strip() else ""


def _filled_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table without the columns that nothing stands in."""
    kept = [i for i in range(len(header)) if any(row[i] for row in rows)]
    return table([header[i] for i in kept], [[row[i] for i in kept] for row in rows])


STORIES: Mapping[Story, Callable[[Section, int], Iterator[str]]] = {
    "advice": _advice,
    "comparison": _comparison,
    "scores": _scores,
}


# --- which labels are confused -------------------------------------------------------


def _confusions(section: Section) -> Iterator[str]:
    """A line for each model whose answers are labels."""
    if section.confusions:
        yield "**Labels**"
        yield "\n".join(_confused(section, found) for found in section.confusions)


def _confused(section: Section, found: Confusion) -> str:
    label = model_label(section, found.model)
    name = code(label) if label == found.model else wording.capitalized(label)
    return f"- {name}: {prose(confusion.sentence(found))}"


# --- what answers share --------------------------------------------------------------


def _repetitions(section: Section) -> Iterator[str]:
    """A row for each model: its most frequent phrases and openings."""
    if section.repetitions:
        yield "**What the answers repeat**"
        rows = [
            (code(found.label), _phrases(found.phrases), _phrases(found.openings))
            for found in section.repetitions
        ]
        yield table(("Model", "Phrases", "Openings"), rows)


def _phrases(phrases: Sequence[Phrase]) -> str:
    shown = (f"{_cell(one.text)} {wording.percent(one.share)}" for one in phrases[:MOST_PHRASES])
    return ", ".join(shown) or "none"


def _copies(section: Section) -> Iterator[str]:
    if section.copies:
        count = wording.counted(len(section.copies) + section.copies_omitted, "different answer")
        yield f"**Copied from the training data: {count}** (the longest shared parts)"
        header = ("Tokens alike", "Answer", "Nearest training example", "Shared")
        yield table(header, [_copy_row(copy) for copy in section.copies[:MOST_COPIES]])


def _copy_row(copy: Copy) -> tuple[str, ...]:
    return f"{copy.tokens:,}", _cell(copy.answer), _cell(copy.training), _cell(copy.run)


# --- what every eval may have --------------------------------------------------------


def findings_list(findings: Sequence[Finding]) -> Iterator[str]:
    """Findings as a list; nothing where there are none."""
    if findings:
        lines = [
            f"- {finding.severity}: {prose(wording.sentence(finding.message))}"
            for finding in findings[:MOST_FINDINGS]
        ]
        shown = lines[: sum(end <= FINDINGS_ROOM for end in accumulate(map(len, lines)))]
        yield "\n".join(shown)
        if len(findings) > len(shown):
            left_out = wording.counted(len(findings) - len(shown), "more finding")
            yield f"{wording.capitalized(left_out)}: see the full report."


def _exclusions(exclusions: Sequence[Exclusion]) -> Iterator[str]:
    if exclusions:
        yield "**Left out**"
        yield "\n".join(map(_exclusion, exclusions[:MOST_ROWS]))
        yield from more_rows(exclusions, MOST_ROWS)


def _exclusion(left_out: Exclusion) -> str:
    count = wording.counted(left_out.count, "sample")
    example = prose(wording.shortened(left_out.example, CELL_LIMIT))
    return f"- {count} of {code(left_out.model)} ({code(left_out.kind)}): {example}"
