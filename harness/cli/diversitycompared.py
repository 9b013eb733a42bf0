"""What a terminal shows of several files of texts: each in a line, and against the first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from harness.cli.diversityview import (
    faint,
    file_lines,
    interval_of,
    list_lines,
    meaning_lines,
    number,
    source_lines,
)
from harness.cli.terminal import Output, plain

if TYPE_CHECKING:
    from harness.analysis.diversity import DiversityComparison
    from harness.analysis.diversity.matching import MatchReport
    from harness.pipeline.texts.diversity import Compared, FileReport, Looking
    from harness.records import Estimate

STYLES: Mapping[str, str] = {
    "less diverse": "red",
    "less varied": "red",
    "more diverse": "green",
    "more varied": "green",
    "not shown": "yellow",
}
LEAST_TOKENS = 0.05
NAME_WIDTH = 34
FULL_LISTS_UP_TO = 2
FULL_COMPARISONS_UP_TO = 3
OVERVIEW: Mapping[str, str] = {
    "duplicate_rate": "duplicates",
    "distinct_k": "different",
    "self_bleu": "self-BLEU",
    "distinct_4": "distinct-4",
    "vendi": "Vendi",
    "self_repetition": "self-rep.",
}
"""The columns of the overview; the last one is known across prompts only."""


def show(reports: Sequence[FileReport], compared: Sequence[Compared], looking: Looking) -> None:
    """Print what was found: a file in full, or several against the first."""
    screen = Output().screen
    for line in lines_of(reports, compared, looking):
        screen.show(screen.folded(line))


def lines_of(
    reports: Sequence[FileReport], compared: Sequence[Compared], looking: Looking
) -> Iterator[Text]:
    """All lines."""
    if len(reports) == 1:
        yield from file_lines(reports[0], looking)
        return
    yield from overview_lines(reports)
    yield from meaning_lines(looking)
    if len(compared) > FULL_COMPARISONS_UP_TO:
        yield Text()
        yield from (summary_line(one) for one in compared)
    else:
        for one in compared:
            yield Text()
            yield from comparison_lines(one)
    yield Text()
    yield faint("Both files should come from the same temperature, top_p and max_tokens.")
    if not looking.top:
        return
    if len(reports) <= FULL_LISTS_UP_TO:
        for report in reports:
            yield Text()
            yield Text(plain(report.source.name), style="bold")
            yield from list_lines(report, looking)
    else:
        yield faint("For what repeats in a file, name it alone; everything is in --json.")


# --- the files one by one --------------------------------------------------------------


def overview_lines(reports: Sequence[FileReport]) -> Iterator[Text]:
    """One line a file: how much text, and the main values."""
    scope = "per prompt" if any(one.profile.varied for one in reports) else "across prompts"
    names = [
        name
        for name in OVERVIEW
        if any(
            row.metric == name and row.scope == scope for one in reports for row in one.profile.rows
        )
    ]
    wide = {name: len(OVERVIEW[name]) + 2 for name in names}
    heads = "".join(f"{OVERVIEW[name]:>{wide[name]}}" for name in names)
    width = max(len(shown_name(one.source.name)) for one in reports)
    title = "mean per prompt" if scope == "per prompt" else "all texts"
    yield Text(f"{title:<{width}}{'texts':>8}{'tokens':>8}{heads}", style="bold")
    for one in reports:
        values = {row.metric: row.estimate.value for row in one.profile.rows if row.scope == scope}
        cells = "".join(f"{number(values.get(n, math.nan), n):>{wide[n]}}" for n in names)
        middle = list(one.profile.lengths.values())[2]
        name = shown_name(one.source.name)
        yield Text(f"{name:<{width}}{one.profile.texts:>8,}{middle:>8.0f}{cells}")
    for one in reports:
        if one.source.left_out:
            yield Text(f"{plain(one.source.name)}:", style="dim")
            yield from list(source_lines(one.source))[1:]


def shown_name(name: str) -> str:
    """A name that fits a column: its end says most."""
    name = plain(name)
    return name if len(name) <= NAME_WIDTH else "…" + name[1 - NAME_WIDTH :]


def comparison_lines(one: Compared) -> Iterator[Text]:
    """The verdict, how it was come by, and the metrics."""
    found = one.by_prompt or one.as_wholes
    verdict = found.verdict if found else "not shown"
    said: str = "no difference shown" if verdict == "not shown" else verdict
    if verdict == "not shown" and one.by_prompt and one.by_prompt.detectable_drop:
        said += f"; a loss of {one.by_prompt.detectable_drop:.0%} would have been"
    title = Text(f"{plain(one.name)} against {plain(one.yardstick)}: ", style="bold")
    yield title.append(said, style=f"bold {STYLES[verdict]}")
    yield from (faint(f"  {line}") for line in pairing_lines(one))
    if found is not None:
        yield from (faint(f"  {line}") for line in match_lines(found.match))
    if one.by_prompt is not None:
        yield from change_lines(one)
    if one.as_wholes is not None:
        yield from whole_lines(one)
    for row in one.rarefied:
        values = (number(row.base.value), number(row.tuned.value))
        cells = (*values, percent(row.ratio.value), percents(row.ratio), "-")
        yield change_line(f"distinct-{row.n}, rarefied", cells, "not cut, but drawn from")
    if one.by_prompt is not None:
        yield from across_lines(one.by_prompt)
    if one.copying is not None:
        rate = one.copying
        yield Text(
            f"  copied more than by {plain(one.yardstick)}: {100 * rate.value:+.1f} points"
            f" ({100 * rate.low:+.1f} to {100 * rate.high:+.1f})"
        )


def summary_line(one: Compared) -> Text:
    """A comparison in a line: the verdict, and what fell or rose most by it."""
    found = one.by_prompt or one.as_wholes
    verdict = found.verdict if found else "not shown"
    name = shown_name(one.name)
    line = Text(f"{name:<{NAME_WIDTH}}  ").append(f"{verdict:<14}", style=STYLES[verdict])
    rows = one.by_prompt.metrics if one.by_prompt else ()
    telling = [row for row in rows if row.verdict != "not shown"]
    changes = (f"{turned(row.metric)} {percent(row.ratio.value)}" for row in telling)
    return line.append(", ".join(changes) or one.why, style="dim")


def pairing_lines(one: Compared) -> Iterator[str]:
    """How the prompts were paired."""
    from harness.reports.wording import counted

    if one.pairing == "none":
        yield f"compared as wholes, one answer a prompt: {one.why}"
        yield "that says nothing of how varied the answers to one prompt are"
        return
    how = "by their place in the files, which name none" if one.pairing == "position" else "by name"
    yield f"{counted(one.prompts, 'prompt')}, paired {how}"
    if any(one.unmatched):
        yield (
            f"without a partner: {counted(one.unmatched[0], 'prompt')} of {one.yardstick},"
            f" {counted(one.unmatched[1], 'prompt')} of {one.name}"
        )


def match_lines(match: MatchReport) -> Iterator[str]:
    """What it took to make the files comparable."""
    from harness.pipeline.reporting.variety_findings import cut_told

    yield cut_told(match, "this file's", "the first's", unit="token")
    if any((match.truncated_a, match.truncated_b, match.dropped_a, match.dropped_b)):
        yield "so the values below differ from those above, which are of all texts, uncut"
    length = match.length_difference
    if math.isfinite(length.value) and abs(length.value) >= LEAST_TOKENS:
        sure = " (perhaps by chance)" if length.low <= 0 <= length.high else ""
        way = "longer" if length.value > 0 else "shorter"
        yield (
            f"answers are {abs(length.value):.1f} tokens {way}{sure}; "
            "that is not counted as less diversity"
        )


def change_lines(one: Compared) -> Iterator[Text]:
    """The metrics of a comparison prompt by prompt."""
    yield CHANGE_HEAD
    for row in one.by_prompt.metrics if one.by_prompt else ():
        label = turned(row.metric)
        interval = percents(row.ratio)
        values = (number(row.base.value, row.metric), number(row.tuned.value, row.metric))
        cells = (*values, percent(row.ratio.value), interval, chance(row.adjusted_p))
        said = "" if math.isnan(row.adjusted_p) else row.verdict
        yield change_line(label, cells, said)


def whole_lines(one: Compared) -> Iterator[Text]:
    """The metrics of two sets as wholes."""
    from harness.analysis.diversity.metrics import title_of

    yield CHANGE_HEAD
    for row in one.as_wholes.rows if one.as_wholes else ():
        found = (row.base.value, row.tuned.value, row.difference.value)
        interval = interval_of(row.difference, row.metric)
        cells = (*(number(value, row.metric) for value in found), interval, chance(row.adjusted_p))
        yield change_line(title_of(row.metric), cells, row.verdict)


def turned(metric: str) -> str:
    """What a metric is called where higher is more diverse throughout."""
    from harness.analysis.diversity.metrics import title_of

    return title_of(metric, turned=True)


def change_line(label: str, cells: Sequence[str], verdict: str) -> Text:
    """A row of a comparison: two values, their difference, its interval and p, what it says."""
    base, tuned, change, interval, p = cells
    line = Text(f"  {label:<18}{base:>7}{tuned:>7}{change:>7}  {interval:<16} {p:<8}")
    return line.append(verdict, style=STYLES.get(verdict, ""))


CHANGE_HEAD = change_line("", ("first", "this", "change", "95 % interval", "p (Holm)"), "")
CHANGE_HEAD.stylize("bold")


def percent(ratio: float) -> str:
    """A ratio as a change in percent."""
    return "-" if math.isnan(ratio) else f"{100 * (ratio - 1):+.0f} %"


def across_lines(found: DiversityComparison) -> Iterator[Text]:
    """What the answers to different prompts share."""
    from harness.analysis.diversity.metrics import title_of

    for row in found.across:
        if math.isfinite(row.difference.low):
            change = f"{number(row.base)} to {number(row.tuned)}"
            interval = interval_of(row.difference, row.metric)
            label = title_of(row.metric)
            yield faint(
                f"  across prompts, for the record: {label} {change}, difference {interval}"
                f" (more diverse: {row.more_diverse})"
            )


def percents(ratio: Estimate) -> str:
    """A ratio's interval in percent."""
    if not (math.isfinite(ratio.low) and math.isfinite(ratio.high)):
        return "-"
    return f"{percent(ratio.low)} to {percent(ratio.high)}"


def chance(p: float) -> str:
    """A p value."""
    return (
        "-" if math.isnan(p) else "<.001" if p < 0.001 else f"{p:.3f}".lstrip("0") if p < 1 else "1"
    )
