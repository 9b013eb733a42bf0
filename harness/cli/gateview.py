"""What a terminal shows of a gate, and the exit code that it ends with.

Names of models and evals are untrusted: they are shown without markup and control characters.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from harness.records import Gate, GateOutcome

EXIT_CODES: Mapping[GateOutcome, int] = {"pass": 0, "fail": 1, "inconclusive": 3, "unjudged": 4}
STYLES: Mapping[GateOutcome, str] = {
    "pass": "green",
    "fail": "red",
    "inconclusive": "yellow",
    "unjudged": "magenta",
}


def show_gate(gate: Gate, *, on_github: bool = False) -> None:
    """Print the outcome, then every check with what was asked and what was found."""
    from harness.reports import gates
    from harness.reports.github import harmless

    out = Console(highlight=False)

    def line(text: str, style: str = "") -> None:
        shown = plain(text)
        out.print(Text(harmless(shown) if on_github else shown, style=style), soft_wrap=True)

    line(f"Gate: {gates.headline(gate)} (policy {gate.policy})", f"bold {STYLES[gate.outcome]}")
    for check in gate.checks:
        line(f"  {gates.OUTCOMES[check.outcome]}  {gates.title(check)}", STYLES[check.outcome])
        line(f"      {gates.asked(check)}", "dim")
        line(f"      {gates.found(check)}", "dim")


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


def plain(text: str) -> str:
    """Text without control characters."""
    return "".join(c if c.isprintable() else " " for c in text)
