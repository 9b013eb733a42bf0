"""What a terminal shows of the diversity of one file of texts.

Texts, prompts and file names are strangers': they are shown without markup and control
characters, and shortened.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from os.path import commonprefix
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from harness.cli.terminal import plain

if TYPE_CHECKING:
    from harness.analysis.diversity import Repeat
    from harness.analysis.diversity.profile import Profile, ProfileRow
    from harness.pipeline.texts.diversity import Copies, FileReport, Looking
    from harness.pipeline.texts.textset import TextSet
    from harness.records import Estimate

TWO_DECIMALS = frozenset({"distinct_k", "vendi", "vendi_2", "compression_ratio", "embedding_vendi"})
FEWEST_TEXTS = 3
LONGEST = 100
LONG_PREAMBLE = 20  # characters that all prompts begin with, such as a system message


@contextmanager
def telling() -> Iterator[Callable[[str], None]]:
    """Show what is being done while it is, where somebody looks."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda message: None
        return
    with console.status("") as status:
        yield lambda message: status.update(Text(plain(message)))


# --- one file ------------------------------------------------------------------------


def file_lines(report: FileReport, looking: Looking) -> Iterator[Text]:
    """One file in full."""
    from harness.analysis.diversity.metrics import title_of
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
        yield faint(
            f"  {f'{title_of(metric)} {scope}'.strip()}: {why}; ask with --metrics {metric}"
        )
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
    from harness.analysis.diversity.metrics import title_of

    yield Text(f"{title:<34}{'':>8}  {'95 % interval':<16} more diverse is", style="bold")
    for row in rows:
        value = number(row.estimate.value, row.metric)
        interval = interval_of(row.estimate, row.metric)
        line = f"  {title_of(row.metric):<32}{value:>8}  {interval:<16} {row.more_diverse:<6}"
        left = f"  {row.excluded:,} left out" if row.excluded else ""
        too_short = math.isnan(row.estimate.value)
        yield Text(line).append("  too short" if too_short else left, style="dim")


def interval_of(estimate: Estimate, metric: str) -> str:
    """The interval, where there is one."""
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return "-"
    return f"{number(estimate.low, metric)} to {number(estimate.high, metric)}"


def number(value: float, metric: str = "") -> str:
    """A value: counts with two decimals, shares with three."""
    if math.isnan(value):
        return "-"
    return f"{value:,.2f}" if metric in TWO_DECIMALS else f"{value:.3f}"


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
    for note in report.notes:
        yield faint(f"  {note}")


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
