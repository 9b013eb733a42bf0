"""The pages of the decision table's rows, in a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markdown import Markdown

from harness.errors import UsageError


def show_rule(number: str) -> None:
    """Print a row's page.

    Raises:
        UsageError: no such row.
    """
    print_page(page(number))


def print_page(text: str) -> None:
    """Print a page: drawn on a terminal, as it is anywhere else."""
    out = Console(highlight=False)
    if out.is_terminal:
        out.print(Markdown(text))
    else:
        print(text)


def page(number: str | int) -> str:
    """The text of a row's page.

    Raises:
        UsageError: no such row, or an installation without pages.
    """
    from harness.analysis.rules import FIRST_OF_OTHERS, decision_table
    from harness.registry import own_folder

    for rule in decision_table():
        if str(number) == str(rule.number) and rule.number >= FIRST_OF_OTHERS:
            return (
                f"# {rule.diagnosis}\n\nIt saw: {rule.evidence}.\n\nWhat to do: {rule.action}.\n\n"
                f"What would change it: {rule.would_change}."
            )
    folder = own_folder("docs/rules")
    found = sorted(folder.glob(f"{int(number):02}-*.md")) if str(number).isdecimal() else []
    if not found:
        known = sorted(int(one.name[:2]) for one in folder.glob("[0-9][0-9]-*.md"))
        span = f"known are {known[0]} to {known[-1]}" if known else "this installation has no pages"
        raise UsageError(f"no rule {number}; {span} (harness show rule N)")
    return found[0].read_text(encoding="utf-8")
