"""What a terminal shows of a lint, and the exit code that it ends with.

Texts of the data are untrusted: they are shown without markup and control characters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from harness.cli.terminal import Output, plain

if TYPE_CHECKING:
    from harness.linting.fixing import Fixed
    from harness.records import Finding
    from harness.reports.lint_document import LintOutcome, LintReport

EXIT_CODES: Mapping[LintOutcome, int] = {"pass": 0, "blocked": 1, "unjudged": 4}
STYLES: Mapping[str, str] = {
    "pass": "bold green",
    "blocked": "bold red",
    "unjudged": "bold magenta",
    "block": "red",
    "warn": "yellow",
    "info": "cyan",
}


class LintView:
    """A bar while files are read and compared; none where the output is no terminal."""

    def __init__(self, sizes: Mapping[Path, int]) -> None:
        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(show_speed=True),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks = {
            path: self._bar.add_task(f"Reading {plain(path.name)}", total=size or None)
            for path, size in sizes.items()
        }
        self._looking = self._bar.add_task("", total=None, visible=False)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def reading(self, path: Path, size: int) -> None:
        """So many bytes more of a file have been read."""
        if not self._bar.disable:
            self._bar.advance(self._tasks[path], size)

    def looking(self, rule: str) -> None:
        """A lint that looks at all examples begins."""
        if not self._bar.disable:
            self._bar.update(self._looking, description=f"Looking for {rule}", visible=True)


def show_report(report: LintReport) -> None:
    """Print the outcome, the findings, and which checks passed or were skipped."""
    from harness.reports import lint_words

    screen = Output().screen

    def line(text: str, style: str = "") -> None:
        screen.show(screen.folded(Text(screen.readable(text), style=style)))

    line(f"{report.path}: {lint_words.headline(report)}", STYLES[report.outcome])
    for text in lint_words.about(report):
        line(f"  {text}")
    for finding in report.findings:
        line("")
        _show_finding(finding, line)
    if not report.checks:
        return
    line("")
    line("Passed:")
    for check in lint_words.with_status(report, "passed"):
        line(f"  {check.rule}: {check.said}", "dim")
    line("")
    line("Skipped:")
    for reason, rules in lint_words.skipped(report).items():
        line(f"  {', '.join(rules)}: {reason}", "dim")


def _show_finding(finding: Finding, line: Callable[[str, str], None]) -> None:
    from harness.reports import lint_words

    word = lint_words.SEVERITY_WORDS[finding.severity]
    line(f"{word}  {finding.rule}: {finding.message}", STYLES[finding.severity])
    for text in lint_words.finding_lines(finding):
        line(f"    {text}", "dim")


def fixed_lines(fixed: Fixed) -> list[str]:
    """What a cleaned copy holds, in words."""
    from harness.reports.wording import counted

    done = [
        (fixed.duplicates, "exact duplicate removed", "exact duplicates removed"),
        (fixed.characters, "line with wrong characters mended", None),
        (fixed.white_space, "answer stripped of white space", "answers stripped of white space"),
    ]
    said = [counted(n, one, many or one.replace("line", "lines", 1)) for n, one, many in done if n]
    lines = [
        f"Cleaned copy: {fixed.out}: {counted(fixed.lines, 'line')}; "
        + (", ".join(said) or "nothing had to be changed")
    ]
    if fixed.unreadable:
        left = counted(fixed.unreadable, "line that cannot be read", "lines that cannot be read")
        lines.append(f"  {left} stay as they were")
    return lines
