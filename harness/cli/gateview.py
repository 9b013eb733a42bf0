"""What a terminal shows of a gate, and the exit code that it ends with."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from harness.cli.terminal import Output, Screen
from harness.cli.verdict import MOST_LINES

if TYPE_CHECKING:
    from harness.records import Check, Gate, GateOutcome

EXIT_CODES: Mapping[GateOutcome, int] = {"pass": 0, "fail": 1, "inconclusive": 3, "unjudged": 4}
STYLES: Mapping[GateOutcome, str] = {
    "pass": "green",
    "fail": "red",
    "inconclusive": "yellow",
    "unjudged": "magenta",
}
URGENCY: tuple[GateOutcome, ...] = ("fail", "unjudged", "inconclusive", "pass")


def show_gate(gate: Gate, output: Output, *, on_github: bool = False) -> None:
    """Print the outcome, then every check with what was asked and what was found."""
    from harness.reports.github import harmless

    screen = output.screen
    lines = gate_lines(gate, screen)
    if on_github:
        lines = [Text(harmless(line.plain)) for line in lines]
    screen.show(lines)


def gate_lines(gate: Gate, screen: Screen, most: int = MOST_LINES) -> list[Text]:
    """The outcome, then its checks in as much detail as there is room for.

    Where there is none for all of them, those that did not pass come first.
    """
    from harness.reports import gates

    head = Text(
        screen.clipped(f"Gate: {gates.headline(gate)} (policy {gate.policy})"),
        style=f"bold {STYLES[gate.outcome]}",
    )
    full = [line for check in gate.checks for line in _full(check, screen)]
    if len(full) < most:
        return [head, *full]
    if len(gate.checks) < most:
        return [head, *(_short(check, screen) for check in gate.checks)]
    urgent = sorted(gate.checks, key=lambda check: URGENCY.index(check.outcome))[: most - 2]
    left = len(gate.checks) - len(urgent)
    rest = Text(screen.clipped(f"  {screen.dots} {left:,} more checks"), style="dim")
    return [head, *(_short(check, screen) for check in urgent), rest]


def _full(check: Check, screen: Screen) -> Iterator[Text]:
    from harness.reports import gates

    title = f"  {gates.OUTCOMES[check.outcome]}  {gates.title(check)}"
    yield Text(screen.clipped(title), style=STYLES[check.outcome])
    for told in (gates.asked(check), gates.found(check)):
        yield from (Text(line, style="dim") for line in screen.wrapped(told, 6, 3))


def _short(check: Check, screen: Screen) -> Text:
    from harness.reports import gates

    told = f"  {gates.OUTCOMES[check.outcome]}  {gates.title(check)}: {gates.found(check)}"
    return Text(screen.clipped(told), style=STYLES[check.outcome])


def leave(gate: Gate | None) -> None:
    """End with the gate's exit code, where there is a gate."""
    if gate is not None:
        raise typer.Exit(EXIT_CODES[gate.outcome])


def unjudged(error: Exception) -> typer.Exit:
    """The end of a run with a policy whose server did not answer: nobody can judge."""
    from harness.cli import one_line

    print(f"harness: {one_line(str(error))}", file=sys.stderr)
    print("Gate: COULD NOT JUDGE: the models were not answered for", file=sys.stderr)
    return typer.Exit(EXIT_CODES["unjudged"])
