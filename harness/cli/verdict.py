"""What a report says first, on a screen of 25 lines: a verdict for every eval, with small charts.

The most detail that has room is shown; what has none is counted, and stands in the report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from harness.cli import smallcharts
from harness.cli.smallcharts import SHARES, Scale

if TYPE_CHECKING:
    from harness.cli.terminal import Screen
    from harness.records import Comparison, Estimate, Finding, Round
    from harness.reports.document import Document, Section
    from harness.reports.scores import Scores

MOST_LINES = 25
FEWEST_LINES = 2
MOST_WARNINGS = 3
LINES_OF_A_WARNING = 3  # where there is room; else one
MOST_ROUNDS = 5
NARROWEST_BAR, WIDEST_BAR = 9, 40
SHORTEST_NOTE = 16
GAP = "  "

KIND_STYLES: Mapping[str, str] = {
    "more": "cyan",
    "fewer": "yellow",
    "keep": "green",
    "fix": "magenta",
    "unsure": "",
}
CLEAR_STYLES: Mapping[str, str] = {
    "better": "green",
    "worse": "red",
    "level": "",
    "mixed": "yellow",
    "unsure": "",
}
CLEAR_WORDS: Mapping[str, str] = {
    "better": "better",
    "worse": "worse",
    "level": "no clear difference",
    "mixed": "better, but less diverse",
    "unsure": "cannot tell",
}


class Detail(IntEnum):
    """How much an eval's lines tell; where even the least is too much, it gets a row."""

    BRIEF = 1
    SHORT = 2
    FULL = 3


# --- the whole -----------------------------------------------------------------------


def verdict(document: Document, screen: Screen, most: int = MOST_LINES) -> list[Text]:
    """At most so many lines that say what a report says first; it takes two at the least."""
    most = max(most, FEWEST_LINES)
    warnings, rounds = _warnings(document), _round_lines(document.rounds, screen)
    ends = [*_warning_lines(warnings, screen), *rounds][: most - FEWEST_LINES]
    shown = fitting(document.sections, screen, most - len(ends))
    longer = [*_warning_lines(warnings, screen, LINES_OF_A_WARNING), *rounds]
    return [*shown, *(longer if len(shown) + len(longer) <= most else ends)]


def fitting(sections: Sequence[Section], screen: Screen, room: int) -> list[Text]:
    """The evals in as much detail as there is room for."""
    for detail in sorted(Detail, reverse=True):
        lines = _joined((_told(section, screen, detail) for section in sections), detail)
        if len(lines) <= room:
            return lines
    rows = _rows(sections, screen)
    if len(rows) <= room:
        return rows
    urgent = _rows(sorted(sections, key=_urgency), screen)[: room - 1]
    left = len(rows) - len(urgent)
    closing = f"{screen.dots} {left:,} more in the report; of all: {_counts(sections)}"
    return [*urgent, Text(screen.clipped(closing), style="dim")]


def _told(section: Section, screen: Screen, detail: Detail) -> list[Text]:
    from harness.reports.sections import story

    return STORIES[story(section)](section, screen, detail)


def _rows(sections: Sequence[Section], screen: Screen) -> list[Text]:
    """A line for each score, comparison or advice: the least that there is to say."""
    from harness.reports.sections import story

    found: dict[str, list[Row]] = {}
    for section in sections:
        told = story(section)
        found.setdefault(told, []).extend(ROWS[told](section, screen))
    return [
        line
        for told, rows in found.items()
        for line in rows_with_bars(rows, _scale(told, rows), screen, "")
    ]


def _scale(story: str, rows: Sequence[Row]) -> Scale:
    if story != "comparison":
        return SHARES
    return smallcharts.around_zero([row.estimate for row in rows if row.estimate])


def _joined(blocks: Iterable[list[Text]], detail: Detail) -> list[Text]:
    """Blocks below each other, apart where they are more than a line."""
    lines: list[Text] = []
    for block in blocks:
        if lines and detail >= Detail.SHORT:
            lines.append(Text())
        lines += block
    return lines


def _urgency(section: Section) -> float:
    """Low where an eval wants to be looked at first."""
    from harness.reports import scores, sections, verdicts

    told = sections.story(section)
    if told == "advice":
        lead = verdicts.leading(section.advice)
        return ("fix", "fewer", "more", "unsure", "keep").index(verdicts.kind(lead)) if lead else 0
    if told == "comparison":
        return min((c.delta.value for c in sections.own_comparisons(section)), default=0.0)
    return min((s.own.estimate.value for s in scores.all_scores(section) if s.own), default=-1.0)


def _counts(sections: Sequence[Section]) -> str:
    """How many evals say what: '40 better, 3 worse'."""
    from harness.reports import verdicts, wording
    from harness.reports.sections import own_comparisons

    leads = [lead for s in sections if (lead := verdicts.leading(s.advice))]
    told = Counter(wording.KIND_WORDS[verdicts.kind(lead)].lower() for lead in leads)
    if not told:
        compared = [c for s in sections for c in own_comparisons(s)]
        told = Counter(CLEAR_WORDS[verdicts.clarity(c)] for c in compared)
    counted = ", ".join(f"{count:,} {words}" for words, count in told.most_common())
    return counted or wording.counted(len(sections), "eval")


# --- rows with a bar -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A name, a number in words, where it lies, and what to make of it."""

    name: str
    value: str
    estimate: Estimate | None
    note: str = ""
    style: str = ""


def rows_with_bars(
    rows: Sequence[Row], scale: Scale, screen: Screen, indent: str = GAP
) -> list[Text]:
    """Rows in columns that fit the screen: name, bar, value, note.

    Long notes give way first, then the bars.
    """
    names, bar, values, notes = _columns(rows, screen, len(indent))
    signs = smallcharts.ASCII if screen.ascii else smallcharts.UNICODE

    def line(row: Row) -> Text:
        told = Text(indent + screen.padded(row.name, names)).append(GAP)
        if bar:
            drawn = smallcharts.bar(row.estimate, scale, bar, signs) if row.estimate else " " * bar
            told.append(drawn + GAP)
        told.append(screen.padded(row.value, values))
        if notes and row.note:
            told.append(GAP).append(screen.clipped(row.note, notes), style=row.style)
        told.rstrip()
        if not screen.whole:
            told.truncate(screen.width)
        return told

    return [line(row) for row in rows]


def _columns(rows: Sequence[Row], screen: Screen, indent: int) -> tuple[int, int, int, int]:
    """How wide names, bars, values and notes are."""
    names, values, notes = (
        max(cell_len(screen.readable(text)) for text in texts)
        for texts in zip(*((row.name, row.value, row.note) for row in rows), strict=True)
    )
    names, gap = names if screen.whole else min(names, screen.width // 3), len(GAP)
    room = screen.width - indent - names - values - 2 * gap
    bar = min(max(room - notes - gap, NARROWEST_BAR), WIDEST_BAR)
    if screen.whole:
        return names, bar, values, notes
    if room - min(notes, SHORTEST_NOTE) - gap < NARROWEST_BAR:
        return names, 0, values, max(room, 0)
    return names, bar, values, min(notes, room - bar - gap)


def _heading(section: Section, screen: Screen, more: str = "") -> Text:
    name = screen.clipped(section.eval, screen.width * 2 // 3)
    line = Text(name, style="bold")
    rest = screen.width - cell_len(name)
    if rest <= 3 and not screen.whole:
        return line
    return line.append(screen.clipped(more, rest), style="not bold dim")


def _paragraph(text: str, screen: Screen, most: int, style: str = "dim") -> list[Text]:
    return [Text(line, style=style) for line in screen.wrapped(text, 2, most)]


# --- advice --------------------------------------------------------------------------


def _advice(section: Section, screen: Screen, detail: Detail) -> list[Text]:
    from harness.reports import economics, verdicts, wording

    lead = verdicts.leading(section.advice)
    if lead is None:
        return [_heading(section, screen)]
    style = KIND_STYLES[verdicts.kind(lead)]
    drawn = "" if detail is Detail.FULL else _course(section, screen)
    lines = [_heading(section, screen, f": {section.metric}{drawn}")]
    lines += _paragraph(wording.headline(lead), screen, 1 if detail is Detail.BRIEF else 2, style)
    if detail is Detail.BRIEF:
        return lines
    full = detail is Detail.FULL
    lines += _paragraph(wording.why(lead), screen, 3 if full else 2)
    further = [*economics.sentences(section), *(lead.dissent if full else ())]
    lines += [line for told in further for line in _paragraph(told, screen, 2 if full else 1)]
    if full:
        return [*lines, *rows_with_bars(list(states(section)), SHARES, screen)]
    return [*lines, *_gain(section, screen), *_paragraph(_chips(section), screen, 1)]


def _advice_row(section: Section, screen: Screen) -> Iterator[Row]:
    """The score of the checkpoint to use, and what to do."""
    from harness.reports import verdicts, wording

    lead = verdicts.leading(section.advice)
    if lead is None:
        return
    use = verdicts.epoch_to_use(lead)
    score = dict(_held_out(section)).get(lead.epochs if use is None else use)
    value = wording.percent(score.value) if score else wording.NOT_MEASURED
    yield Row(section.eval, value, score, wording.headline(lead), KIND_STYLES[verdicts.kind(lead)])


def _held_out(section: Section) -> list[tuple[float, Estimate]]:
    """The score after so many epochs, on samples that were not trained on; 0 is the base model."""
    from harness.reports import sections

    score = sections.panels(section).score
    lines = score.series if score else ()
    found = {p.epoch: p.estimate for line in lines if line.role == "heldout" for p in line.points}
    base = [line.points[0] for line in lines if line.role == "base" and line.points]
    if base:
        found.setdefault(0, base[0].estimate)
    return sorted(found.items(), key=lambda told: told[0])


def _course(section: Section, screen: Screen) -> str:
    """The score over epochs in a few characters: ' 2% ▁▂▇█ 99%'."""
    from harness.reports import wording

    values = [estimate.value for _, estimate in _held_out(section)]
    if len(values) < 2:
        return ""
    if screen.ascii:
        return " " + ", ".join(map(wording.percent, values))
    first, last = wording.percent(values[0]), wording.percent(values[-1])
    return f" {first} {smallcharts.sparkline(values)} {last}{_of_seeds(section)}"


def _of_seeds(section: Section) -> str:
    """That scores are means of seeds, beside the numbers of the one checkpoint to use."""
    from harness.reports import sections

    picked = sections.verdict(section).picked
    return f" (mean of {picked.seeds} seeds, to the last epoch)" if picked else ""


def states(section: Section) -> Iterator[Row]:
    """A row for each epoch count: its score, and what to do from there."""
    from harness.reports import verdicts, wording

    measured = dict(_held_out(section))
    advice = {one.epochs: one for one in section.advice}
    for epochs in sorted({*measured, *advice}):
        estimate, one = measured.get(epochs), advice.get(epochs)
        value = wording.estimate_in("share", estimate) if estimate else wording.NOT_MEASURED
        style = KIND_STYLES[verdicts.kind(one)] if one else ""
        note = wording.chip(one) if one else "" if epochs else _best_prompt(section)
        yield Row(wording.after(epochs), value, estimate, note, style)


def _best_prompt(section: Section) -> str:
    """What the base model does with the prompt that tuning is compared with: '98% with 'say''."""
    from harness.reports import wording

    found = section.prompting
    if found is None or found.best == found.prompts[0].name:
        return ""
    return f"{wording.percent(found.corrected.value)} with prompt '{found.best}'"


def _gain(section: Section, screen: Screen) -> list[Text]:
    """The difference to the base model of the checkpoint that the verdict is about."""
    from harness.reports import sections, wording

    found = sections.verdict(section)
    compared, picked = found.comparison, found.picked
    if compared is None:
        return []
    value = wording.delta_text(compared.delta)
    name = f"seed {picked.seed} against base" if picked else "against base"
    row = Row(name, value, compared.delta, wording.p_value(compared.p_value))
    return rows_with_bars([row], smallcharts.around_zero([compared.delta]), screen)


def _chips(section: Section) -> str:
    """What to do from each epoch count: 'after 1: 2 more; 2: keep'."""
    from harness.reports import verdicts, wording

    told = (f"{a.epochs:g}: {wording.chip(a)}" for a in verdicts.by_epochs(section.advice))
    return f"after epoch {', '.join(told)}"


# --- comparisons ---------------------------------------------------------------------


def _comparison(section: Section, screen: Screen, detail: Detail) -> list[Text]:
    from harness.reports import scores, sections, wording

    compared = sections.own_comparisons(section)
    if not compared:
        return _incomparable(section, screen, detail)
    scale = smallcharts.around_zero([one.delta for one in compared])
    lines = [_heading(section, screen, f": {section.metric} against {compared[0].base}")]
    for one, row in zip(
        compared,
        rows_with_bars([_difference(c, c.tuned) for c in compared], scale, screen),
        strict=True,
    ):
        lines.append(row)
        if detail is Detail.FULL:
            lines += _paragraph(wording.gain(one, rivals=section.rivals), screen, 2)
        if detail >= Detail.SHORT:
            told = f"{scores.course_text(one)}; {scores.chance_text(one)}"
            lines += _paragraph(told, screen, 1)
    return lines + (_other_metrics(section, screen) if detail is Detail.FULL else [])


def _comparison_rows(section: Section, screen: Screen) -> Iterator[Row]:
    """A row for each model; both names share what room there is."""
    from harness.reports.sections import own_comparisons

    compared = own_comparisons(section)
    if not compared:
        yield Row(section.eval, "nothing to compare", None)
    if len(compared) == 1:
        yield _difference(compared[0], section.eval)
        return
    room = screen.width // 3
    for one in compared:
        model = screen.clipped(one.tuned, room // 2)
        yield _difference(one, f"{screen.clipped(section.eval, room - len(model) - 1)} {model}")


def _difference(compared: Comparison, name: str) -> Row:
    from harness.reports import verdicts, wording

    clear = verdicts.clarity(compared)
    value = wording.delta_text(compared.delta)
    return Row(name, value, compared.delta, CLEAR_WORDS[clear], CLEAR_STYLES[clear])


def _other_metrics(section: Section, screen: Screen) -> list[Text]:
    from harness.reports import scores

    return [
        line
        for one in section.comparisons
        if one.metric != section.metric
        for line in _paragraph(
            f"{one.tuned}: {scores.metric_name(section, one.metric)} "
            f"{scores.course_text(one)}; {scores.chance_text(one)}",
            screen,
            1,
        )
    ]


def _incomparable(section: Section, screen: Screen, detail: Detail) -> list[Text]:
    why = "nothing to compare: no sample has a mark from both models"
    scored = _score_rows(section, screen) if detail >= Detail.SHORT else []
    return [_heading(section, screen), *_paragraph(why, screen, 2, ""), *scored]


# --- scores --------------------------------------------------------------------------


def _scores(section: Section, screen: Screen, detail: Detail) -> list[Text]:
    from harness.reports import scores

    found = scores.all_scores(section)
    if not found:
        return [_heading(section, screen, ": nothing was answered")]
    lines = [_heading(section, screen), *_score_rows(section, screen)]
    if detail >= Detail.SHORT:
        further = filter(None, map(scores.further_text, found))
        lines += [line for told in further for line in _paragraph(told, screen, 2)]
    if detail is Detail.FULL:
        left_out = map(scores.exclusion_text, section.exclusions)
        lines += [line for told in left_out for line in _paragraph(told, screen, 2)]
    return lines


def _score_rows(section: Section, screen: Screen) -> list[Text]:
    from harness.reports import scores

    found = scores.all_scores(section)
    named = len(found) > 1
    rows = [_score(one, one.model if named else section.metric) for one in found]
    return rows_with_bars(rows, SHARES, screen)


def _score(found: Scores, name: str) -> Row:
    from harness.reports import scores, wording

    if found.own is None:
        return Row(name, scores.unscored(found), None, f"{found.excluded:,} excluded")
    spoilt = found.excluded > found.n
    note = wording.sampled(found.n, found.excluded)
    value = wording.estimate_in(found.own.unit, found.own.estimate)
    shown = found.own.estimate if found.own.unit == "share" else None
    return Row(name, value, shown, f"cannot tell: {note}" if spoilt else note)


def _plain_rows(section: Section, screen: Screen) -> Iterator[Row]:
    from harness.reports import scores

    found = scores.all_scores(section)
    yield from (_score(one, section.eval) for one in found)
    if not found:
        yield Row(section.eval, "nothing was answered", None)


STORIES: Mapping[str, Callable[[Section, Screen, Detail], list[Text]]] = {
    "advice": _advice,
    "comparison": _comparison,
    "scores": _scores,
}
ROWS: Mapping[str, Callable[[Section, Screen], Iterator[Row]]] = {
    "advice": _advice_row,
    "comparison": _comparison_rows,
    "scores": _plain_rows,
}


# --- what else is to be known --------------------------------------------------------


def _warnings(document: Document) -> list[str]:
    """What was found that spoils the numbers, each once."""
    found: list[tuple[str, Finding]] = [("", finding) for finding in document.findings]
    found += [(f"{s.eval}: ", finding) for s in document.sections for finding in s.findings]
    told = (f"{f.severity}: {place}{f.message}" for place, f in found if f.severity != "info")
    return list(dict.fromkeys(told))


def _warning_lines(found: Sequence[str], screen: Screen, most: int = 1) -> list[Text]:
    """The first warnings, each on at most so many lines."""
    shown = list(found if len(found) <= MOST_WARNINGS else found[: MOST_WARNINGS - 1])
    if len(shown) < len(found):
        shown.append(f"{len(found) - len(shown):,} more warnings are in the report")
    lines = [
        Text(GAP + line if number else line, style="yellow")
        for told in shown
        for number, line in enumerate(screen.wrapped(told, 0, most, len(GAP)))
    ]
    return [Text(), *lines] if lines else []


def _round_lines(rounds: Sequence[Round], screen: Screen) -> list[Text]:
    """A line for each of the last rounds of tuning."""
    from harness.reports import wording
    from harness.reports.rounds import advised

    def told(one: Round) -> str:
        score = wording.percent(one.score.value) if one.score else "no score"
        return (
            f"round {one.number}  {one.eval}  {wording.epochs(one.epochs)}  {score}  {advised(one)}"
        )

    return [Text(screen.clipped(told(one)), style="dim") for one in rounds[-MOST_ROUNDS:]]
