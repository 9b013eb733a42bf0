"""A renderer: report.txt with one line an eval and model."""

from __future__ import annotations

from harness.reports.document import SCORE, Document


def render(document: Document) -> str:
    """The whole file."""
    lines = [document.title]
    for section in document.sections:
        for result in section.results:
            found = result.metrics.get(SCORE)
            if found is not None:
                lines.append(f"{section.eval} {result.model} {found.value:.3f} (n = {found.n})")
    return "\n".join(lines) + "\n"
