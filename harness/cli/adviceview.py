"""What a terminal shows of advice: the one to follow for each eval, with what it rests on."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from harness.cli.verdict import KIND_STYLES, MOST_LINES, fitting

if TYPE_CHECKING:
    from harness.cli.terminal import Output, Screen
    from harness.records import Advice
    from harness.reports.document import Document, Section

LINES_OF_EVIDENCE = 3
"""At most, for one fact on one screen."""


def show_advice(document: Document, path: Path, output: Output, *, everything: bool) -> None:
    """Print the advice to follow for every eval on one screen, or every advice with all of it."""
    from harness.reports import verdicts

    screen = output.screen
    sections = [section for section in document.sections if section.advice]
    if everything:
        for section in sections:
            for advice in verdicts.by_epochs(section.advice):
                screen.show([Text(), *evidence(advice, screen)])
        return
    command = shlex.join(["harness", "advise", str(path), "--all"])
    screen.show([*on_one_screen(sections, screen, MOST_LINES - 2), Text()])
    output.tell(f"Every checkpoint with all evidence: {command}")


def on_one_screen(sections: list[Section], screen: Screen, room: int) -> list[Text]:
    """The leading advice of every eval with its evidence, or as much of it as there is room for."""
    from harness.reports import verdicts

    leads = [lead for s in sections if (lead := verdicts.leading(s.advice))]
    told = [line for lead in leads for line in evidence(lead, screen, LINES_OF_EVIDENCE)]
    others = [line for s in sections for line in _other_states(s, screen)]
    if len(told) + len(others) <= room:
        return [*told, *others]
    return fitting(sections, screen, room)


def evidence(advice: Advice, screen: Screen, most: int | None = None) -> Iterator[Text]:
    """An advice with all that it rests on, at most so many lines for a fact.

    Without a bound all of it is told, and commands in it stay whole.
    """
    from harness.reports import verdicts, wording

    style = KIND_STYLES[verdicts.kind(advice)]
    title = f"{advice.eval}, {wording.after(advice.epochs)}: {wording.headline(advice)}"
    by = f"{advice.confidence} confidence; harness show rule {advice.rule}"
    said = advice.diagnosis.lower() in title.lower()
    yield from (Text(line, style=f"bold {style}") for line in _lines(title, 0, screen, most))
    rows = [
        ("rule", f"{advice.rule} ({by})")
        if said
        else ("diagnosis", f"{advice.diagnosis} (rule {advice.rule}, {by})"),
        *(("evidence", wording.fact_text(fact)) for fact in advice.evidence),
        ("checkpoint to use now", wording.to_use(advice)),
        *((("cost", advice.cost),) if advice.cost else ()),
        ("would change it", advice.would_change),
        *(("dissent", voice) for voice in advice.dissent),
    ]
    for name, value in rows:
        yield from map(Text, _lines(f"{name}: {value}", 2, screen, most))


def _lines(text: str, indent: int, screen: Screen, most: int | None) -> list[str]:
    if most is None:
        return [part.plain for part in screen.folded(Text(" " * indent + screen.readable(text)))]
    return screen.wrapped(text, indent, most)


def _other_states(section: Section, screen: Screen) -> Iterator[Text]:
    """A row for each epoch count, where there are several."""
    from harness.cli.smallcharts import SHARES
    from harness.cli.verdict import rows_with_bars, states

    if len(section.advice) > 1:
        yield Text()
        yield from rows_with_bars(list(states(section)), SHARES, screen)
