"""In Markdown: the base model's prompts, what more data would bring, when tuning pays."""

from __future__ import annotations

from collections.abc import Iterator

from harness.reports import economics
from harness.reports.document import Section
from harness.reports.escaping import prose, table


def economics_parts(section: Section) -> Iterator[str]:
    """The paragraphs and tables of one eval; nothing where there is nothing of it."""
    if section.prompting is not None:
        yield prose(economics.prompting_text(section.prompting))
        rows = economics.prompt_rows(section.prompting)
        yield table(
            economics.PROMPT_HEADERS,
            [
                (prose(row.name + (" (best)" if row.best else "")), *map(prose, row.cells))
                for row in rows
            ],
        )
    if section.data_gain is not None:
        yield prose(economics.data_text(section.data_gain))
        data = economics.data_rows(section.data_gain)
        yield table(economics.DATA_HEADERS, [tuple(map(prose, row)) for row in data])
        yield prose(economics.data_about(section.data_gain))
    for found in section.break_evens:
        yield prose(economics.break_even_text(found))
        calls = economics.call_rows(found)
        yield table(economics.CALL_HEADERS, [tuple(map(prose, row)) for row in calls])
        yield prose(economics.formula(found))
