"""A Gate as Markdown: for a pull request's comment, a step's summary, and in a report."""

from __future__ import annotations

from collections.abc import Iterator

from harness.records import Check, Gate
from harness.reports import gates
from harness.reports.escaping import code, prose, table

MOST_ROWS = 150
HEADER = ("", "Eval", "Model", "What is asked", "What was found")


def render_gate_markdown(gate: Gate) -> str:
    """Return the outcome and a table of the checks."""
    return "\n\n".join(gate_parts(gate, "#")) + "\n"


def gate_parts(gate: Gate, heading: str = "##") -> Iterator[str]:
    """The paragraphs and the table, those checks first that decided against the model."""
    yield f"{heading} Gate: {gates.ICONS[gate.outcome]} {prose(gates.headline(gate))}"
    yield f"Policy {code(gate.policy)}: {prose(gates.MEANINGS[gate.outcome])}."
    order = sorted(gate.checks, key=lambda check: -_weight(check))
    yield table(HEADER, [_row(check) for check in order[:MOST_ROWS]])
    if len(order) > MOST_ROWS:
        yield f"{len(order) - MOST_ROWS:,} more checks are in the JSON report."


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
