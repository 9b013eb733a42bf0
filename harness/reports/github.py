"""Says what a gate decided to GitHub Actions: annotations, and lines that are no commands.

The runner reads commands from a job's output, so every text of a model or registry is escaped
or broken there.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.records import Check, Gate
from harness.reports import gates, wording

MOST_OF_A_LEVEL = 10
"""GitHub shows no more annotations of one level and step."""

MOST_CHARACTERS = 1_000
_BREAK = "\u200b"


def commands(gate: Gate) -> Iterator[str]:
    """The workflow commands, one a line: the outcome, then each check that did not pass."""
    shown = {"error": 0, "warning": 0, "notice": 0}
    worst = max((gates.level(gate, check) for check in gate.checks), key=LEVELS.index)
    level = "notice" if gate.outcome == "pass" else worst
    yield _command(level, "harness gate", f"{gates.headline(gate)} (policy {gate.policy})")
    shown[level] += 1
    for check in gate.checks:
        level = gates.level(gate, check)
        if check.outcome != "pass" and shown[level] < MOST_OF_A_LEVEL:
            shown[level] += 1
            yield _command(level, gates.title(check), _message(check))


LEVELS = ("notice", "warning", "error")


def _message(check: Check) -> str:
    outcome = gates.OUTCOMES[check.outcome]
    return f"{outcome}: {check.tuned}: {gates.asked(check)}; {gates.found(check)}"


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    line = wording.printable(wording.shortened(text, MOST_CHARACTERS))
    return line.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def harmless(line: str) -> str:
    """A line of output that the runner does not take for a command."""
    broken = line.replace("##[", f"##{_BREAK}[")
    return f"{_BREAK}{broken}" if broken.lstrip().startswith("::") else broken


def outputs(gate: Gate) -> str:
    """What the step's output file is told: words of our own only."""
    return f"outcome={gate.outcome}\nchecks={len(gate.checks)}\n"
