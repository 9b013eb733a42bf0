"""A Gate as Markdown: for a pull request's comment, a step's summary, and in a report."""

from __future__ import annotations

from collections.abc import Iterator

from harness.records import Check, Gate
from harness.reports import gates
from harness.reports.escaping import code, prose
from harness.reports.markdown_tables import long_table

ROOM_ALONE, ROOM_IN_REPORT = 50_000, 16_000
"""Characters of a gate's table: a comment of a pull request ends at 65,536."""

MORE = "{} more checks are in the JSON report."
HEADER = ("", "Eval", "Model", "What is asked", "What was found")


def render_gate_markdown(gate: Gate) -> str:
    """Return the outcome and a table of the checks."""
    return "\n\n".join(gate_parts(gate, "#", ROOM_ALONE)) + "\n"


def gate_parts(gate: Gate, heading: str = "##", room: int = ROOM_IN_REPORT) -> Iterator[str]:
    """The paragraphs and the table, those checks first that decided against the model."""
    yield f"{heading} Gate: {gates.ICONS[gate.outcome]} {prose(gates.headline(gate))}"
    yield f"Policy {code(gate.policy)}: {prose(gates.MEANINGS[gate.outcome])}."
    order = sorted(gate.checks, key=lambda check: -_weight(check))
    yield from long_table(HEADER, [_row(check) for check in order], room, MORE)


WEIGHTS = ("pass", "inconclusive", "unjudged", "fail")


def _weight(check: Check) -> int:
    return WEIGHTS.index(check.outcome) if check.decisive else 0


def _row(check: Check) -> tuple[str, ...]:
    return (
        f"{gates.ICONS[check.outcome]} {gates.OUTCOMES[check.outcome]}",
        code(check.eval),
        code(check.tuned) if check.tuned else "–",
        prose(gates.asked(check)),
        prose(gates.found(check)),
    )
