"""A report as the few lines of text that a console shows of it."""

from __future__ import annotations

from collections.abc import Iterator

from harness.reports import gates, scores, wording
from harness.reports.document import Document, Section
from harness.reports.sections import own_comparisons, story
from harness.reports.verdicts import by_epochs


def lines_of(document: Document) -> Iterator[str]:
    """The title, the gate, and what each eval has to say."""
    yield document.title
    if document.gate is not None:
        yield f"gate: {gates.headline(document.gate)}"
    for section in document.sections:
        yield section.eval
        yield from (f"  {line}" for line in _of(section))
        loud = (one for one in section.findings if one.severity != "info")
        yield from (f"  {one.severity}: {one.message}" for one in loud)
    yield from (
        f"{one.severity}: {one.message}" for one in document.findings if one.severity != "info"
    )


def _of(section: Section) -> Iterator[str]:
    told = story(section)
    if told == "advice":
        for advice in by_epochs(section.advice):
            yield f"{wording.after(advice.epochs)}: {wording.headline(advice)}"
    elif told == "comparison":
        for one in own_comparisons(section):
            yield f"{one.tuned}: {wording.gain(one)}"
    else:
        for found in scores.all_scores(section):
            yield f"{found.model}: {scores.sentence(found)}"
