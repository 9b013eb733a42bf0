"""What a terminal shows of the diversity of texts.

Texts, prompts and file names are strangers': they are shown without markup and control
characters, and shortened.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from os.path import commonprefix
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from harness.cli.gateview import plain

if TYPE_CHECKING:
    from harness.analysis.diversity import DiversityComparison, Repeat
    from harness.analysis.diversity.matching import MatchReport
    from harness.analysis.diversity.profile import Profile, ProfileRow
    from harness.pipeline.textdiversity import Compared, Copies, FileReport, Looking
    from harness.pipeline.textsets import TextSet
    from harness.records import Estimate

LABELS: Mapping[str, str] = {
    "duplicate_rate": "duplicate rate",
    "distinct_k": "different answers",
    "self_bleu": "self-BLEU-4",
    "vendi": "Vendi score",
    "vendi_2": "Vendi score, q = 2",
    "self_repetition": "self-repetition-4",
    "compression_ratio": "compression ratio",
    "rouge_l_homogenization": "ROUGE-L homogenization",
    **{f"distinct_{n}": f"distinct-{n}" for n in range(1, 5)},
    **{f"expected_distinct_{n}": f"expectation-adjusted distinct-{n}" for n in range(1, 5)},
    **{f"entropy_{n}": f"entropy of {n}-grams (nats)" for n in range(1, 5)},
    "embedding_vendi": "Vendi of meanings",
    "embedding_dissimilarity": "distance of meanings",
}
TURNED: Mapping[str, str] = {
    "duplicate_rate": "1 - duplicate rate",
    "self_bleu": "1 - self-BLEU-4",
}
"""Comparisons show these so that higher is more diverse throughout."""

STYLES: Mapping[str, str] = {
    "less diverse": "red",
    "less varied": "red",
    "more diverse": "green",
    "more varied": "green",
    "not shown": "yellow",
}
COUNTS = frozenset({"distinct_k", "vendi", "vendi_2", "compression_ratio", "embedding_vendi"})
FEWEST_TEXTS = 3
LEAST_TOKENS = 0.05
LONGEST = 100
LONG_PREAMBLE = 20  # characters that all prompts begin with, such as a system message
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


@contextmanager
def telling() -> Iterator[Callable[[str], None]]:
    """Show what is being done while it is, where somebody looks."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda message: None
        return
    with console.status("") as status:
        yield lambda message: status.update(Text(plain(message)))


def show(reports: Sequence[FileReport], compared: Sequence[Compared], looking: Looking) -> None:
    """Print what was found: a file in full, or several against the first."""
    out = Console(highlight=False)
    for line in lines_of(reports, compared, looking):
        out.print(line, soft_wrap=True)


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


# --- one file ------------------------------------------------------------------------


def file_lines(report: FileReport, looking: Looking) -> Iterator[Text]:
    """One file in full."""
    from harness.reports.wording import counted

    yield Text(f"{plain(report.source.name)}: {amount(report.profile)}", style="bold")
    yield from source_lines(report.source)
    yield length_line(report.profile)
    if report.profile.short:
        yield faint(
            f"  {counted(report.profile.short, 'text')} of fewer than 4 tokens: self-BLEU-4 and"
            " distinct-4 say little of these"
        )
    yield from meaning_lines(looking)
    for scope in ("per prompt", "across prompts"):
        rows = [row for row in report.profile.rows if row.scope == scope]
        if rows:
            yield Text()
            yield from metric_lines(scope_title(scope, report.profile), rows)
    for name, why in report.profile.omitted.items():
        metric, _, scope = name.partition(" ")
        yield faint(f"  {f'{LABELS[metric]} {scope}'.strip()}: {why}; ask with --metrics {metric}")
    if not report.profile.varied:
        yield Text()
        yield faint(one_answer_note(report))
    yield from list_lines(report, looking)


def amount(profile: Profile) -> str:
    """How many texts and prompts there are."""
    from harness.reports.wording import counted

    texts = counted(profile.texts, "text")
    if not profile.varied:
        return texts
    low, _, high = profile.k
    each = f"{low} answers each" if low == high else f"{low} to {high} answers each"
    return f"{texts}, {counted(profile.prompts, 'prompt')}, {each}"


def source_lines(source: TextSet) -> Iterator[Text]:
    """How the file was read, and what was left out."""
    by = f", prompts by {source.grouped_by}" if source.grouped_by else ""
    yield faint(f"  read: {source.layout}{by}")
    if source.left_out:
        parts = ", ".join(f"{count:,} {why}" for why, count in source.left_out.items())
        yield Text(f"  left out: {parts}", style="yellow")
    for problem in source.problems:
        yield faint(f"      {problem}")


def length_line(profile: Profile) -> Text:
    """How long the texts are."""
    low, first, middle, third, high = profile.lengths.values()
    return faint(
        f"  length in tokens ({profile.tokenizer}): {middle:.0f} in the middle, half of the texts"
        f" {first:.0f} to {third:.0f}, nine in ten {low:.0f} to {high:.0f}"
    )


def meaning_lines(looking: Looking) -> Iterator[Text]:
    """Whose vectors say what texts mean."""
    if looking.embedder is not None:
        yield faint(f"  meanings by {looking.embedder.name}")


def scope_title(scope: str, profile: Profile) -> str:
    """What the metrics are the mean of."""
    if scope == "per prompt":
        return f"Per prompt, mean of {profile.prompts:,}"
    return "Across prompts, one answer of each" if profile.varied else "All texts together"


def one_answer_note(report: FileReport) -> str:
    """Why there is nothing per prompt."""
    source = report.source
    if report.profile.texts < FEWEST_TEXTS:
        return f"Fewer than {FEWEST_TEXTS} texts show no diversity; give more."
    if source.by_position:
        return (
            "No field names prompts, so all texts count as one set; where some answer the same"
            " prompt, name its field with --prompt-field."
        )
    return (
        f"Each prompt (by {source.grouped_by}) has one answer: how varied the answers to one"
        " prompt are cannot be seen; sample several."
    )


def metric_lines(title: str, rows: Sequence[ProfileRow]) -> Iterator[Text]:
    """A table of metrics."""
    yield Text(f"{title:<42}{'':>9}  {'95 % interval':<18} more diverse is", style="bold")
    for row in rows:
        value = number(row.estimate.value, row.metric)
        interval = interval_of(row.estimate, row.metric)
        line = f"  {LABELS[row.metric]:<40}{value:>9}  {interval:<18} {row.more_diverse}"
        left = f"   {row.excluded:,} of them left out" if row.excluded else ""
        too_short = math.isnan(row.estimate.value)
        yield Text(line).append("   texts are too short" if too_short else left, style="dim")


def interval_of(estimate: Estimate, metric: str) -> str:
    """The interval, where there is one."""
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return "-"
    return f"{number(estimate.low, metric)} to {number(estimate.high, metric)}"


def number(value: float, metric: str = "") -> str:
    """A value: counts with two decimals, shares with three."""
    if math.isnan(value):
        return "-"
    return f"{value:,.2f}" if metric in COUNTS else f"{value:.3f}"


# --- lists ---------------------------------------------------------------------------


def list_lines(report: FileReport, looking: Looking) -> Iterator[Text]:
    """The texts behind the numbers."""
    if report.copies is not None:
        yield Text()
        yield from copy_lines(report.copies)
    if report.worst:
        title = "Prompts with the least variety"
        yield from titled(title, list(worst_lines(report)))
    if report.duplicates:
        lines = (
            listed(
                f"{one.count:,} x", one.text, "prompt" if report.profile.varied else "", one.prompts
            )
            for one in report.duplicates
        )
        yield from titled("Answers given most often", list(lines))
    varied = report.profile.varied
    if report.repeats:
        lines = (repeat_line(one, varied) for one in report.repeats)
        yield from titled(f"Word sequences in most texts ({looking.n} and more)", list(lines))
    if report.openings:
        lines = (repeat_line(one, varied) for one in report.openings)
        yield from titled("How texts begin", list(lines))


def titled(title: str, lines: Sequence[Text]) -> Iterator[Text]:
    """A list under its title."""
    yield Text()
    yield Text(title, style="bold")
    yield from lines


def worst_lines(report: FileReport) -> Iterator[Text]:
    """Prompts, each with its commonest answer."""
    keys, asked = list(report.source.groups), report.source.asked
    words = list(asked.values())
    said = commonprefix(words) if len(words) > 1 else ""  # noqa: RUF071 - these are no paths
    skip = said.rfind(" ") + 1 if len(said) > LONG_PREAMBLE else 0
    for one in report.worst:
        key = keys[one.place]
        alike = f", self-BLEU {number(one.self_bleu)}" if math.isfinite(one.self_bleu) else ""
        yield Text(f"  {one.different:.0f} of {one.k} different{alike}: ").append(
            shortened(asked[key][skip:] if key in asked else key), style="cyan"
        )
        times = f"{one.same} x" if one.same > 1 else "such as"
        yield faint(f"      {times} {shortened(one.commonest)}")


def listed(count: str, text: str, unit: str, units: int) -> Text:
    """A line of a list."""
    from harness.reports.wording import counted

    where = f" in {counted(units, unit)}" if unit else ""
    return Text(f"  {count}{where}: ").append(shortened(text), style="cyan")


def repeat_line(one: Repeat, varied: bool) -> Text:
    """A repeated sequence with its shares."""
    prompts = f", {one.prompt_share:.0%} of prompts" if varied else ""
    return Text(f"  {one.share:>4.0%} of texts{prompts}: ").append(
        shortened(one.text), style="cyan"
    )


def copy_lines(found: Copies) -> Iterator[Text]:
    """What was copied from the training data."""
    from harness.reports.wording import counted

    rate = found.rate
    style = "yellow" if found.copied else ""
    yield Text(
        f"Copied from the {counted(found.training, 'training text')}: {rate.value:.1%}"
        f" ({rate.low:.1%} to {rate.high:.1%}), {found.copied:,} in all",
        style=f"bold {style}",
    )
    yield faint(
        f"  sharing {found.run} tokens in a row with one, or all of a shorter one"
        + ("; not counting what the prompt says" if found.excused else "")
    )
    for one, learned in found.examples:
        yield Text(f"  {one.tokens} tokens of training text {one.training + 1}: ").append(
            shortened(one.run), style="cyan"
        )
        yield faint(f"      learned: {shortened(learned)}")


def shortened(text: str) -> str:
    """The beginning of a text on one line, in quotes."""
    line = " ".join(plain(text).split())
    return f"“{line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + '…'}”"


def faint(text: str) -> Text:
    """A line that explains."""
    return Text(plain(text), style="dim")


# --- several files -------------------------------------------------------------------


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
    heads = "".join(f"{OVERVIEW[name]:>12}" for name in names)
    width = max(len(shown_name(one.source.name)) for one in reports)
    title = "mean per prompt" if scope == "per prompt" else "all texts"
    yield Text(f"{title:<{width}}{'texts':>9}{'tokens':>8}{heads}", style="bold")
    for one in reports:
        values = {row.metric: row.estimate.value for row in one.profile.rows if row.scope == scope}
        cells = "".join(f"{number(values.get(name, math.nan), name):>12}" for name in names)
        middle = list(one.profile.lengths.values())[2]
        name = shown_name(one.source.name)
        yield Text(f"{name:<{width}}{one.profile.texts:>9,}{middle:>8.0f}{cells}")
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
    changes = (f"{LABELS[row.metric]} {percent(row.ratio.value)}" for row in telling)
    turned = ", ".join(changes).replace(LABELS["self_bleu"], TURNED["self_bleu"])
    return line.append(turned or one.why, style="dim")


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
    cut, dropped = (match.truncated_a, match.truncated_b), (match.dropped_a, match.dropped_b)
    yield (
        f"at equal length and number of answers: {max(cut):.0%} of answers cut,"
        f" {max(dropped):.0%} left out"
    )
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
        label = TURNED.get(row.metric, LABELS.get(row.metric, row.metric))
        interval = percents(row.ratio)
        values = (number(row.base.value, row.metric), number(row.tuned.value, row.metric))
        cells = (*values, percent(row.ratio.value), interval, chance(row.adjusted_p))
        said = "" if math.isnan(row.adjusted_p) else row.verdict
        yield change_line(label, cells, said)


def whole_lines(one: Compared) -> Iterator[Text]:
    """The metrics of two sets as wholes."""
    yield CHANGE_HEAD
    for row in one.as_wholes.rows if one.as_wholes else ():
        found = (row.base.value, row.tuned.value, row.difference.value)
        interval = interval_of(row.difference, row.metric)
        cells = (*(number(value, row.metric) for value in found), interval, chance(row.adjusted_p))
        yield change_line(LABELS[row.metric], cells, row.verdict)


def change_line(label: str, cells: Sequence[str], verdict: str) -> Text:
    """A row of a comparison: two values, their difference, its interval and p, what it says."""
    base, tuned, change, interval, p = cells
    line = Text(f"  {label:<24}{base:>9}{tuned:>9}{change:>9}  {interval:<20} {p:<9}")
    return line.append(verdict, style=STYLES.get(verdict, ""))


CHANGE_HEAD = change_line("", ("first", "this", "change", "95 % interval", "p (Holm)"), "")
CHANGE_HEAD.stylize("bold")


def percent(ratio: float) -> str:
    """A ratio as a change in percent."""
    return "-" if math.isnan(ratio) else f"{100 * (ratio - 1):+.0f} %"


def across_lines(found: DiversityComparison) -> Iterator[Text]:
    """What the answers to different prompts share."""
    for row in found.across:
        if math.isfinite(row.difference.low):
            change = f"{number(row.base)} to {number(row.tuned)}"
            interval = interval_of(row.difference, row.metric)
            label = LABELS[row.metric]
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
