"""Brings the pages of the decision table's rows up to date, and their index.

    python docs/rules/make.py

What a page says of its row (title and table) is the row's own text; the rest is written by hand
and left as it is. A new row needs a page of its own first: ``NN-name.md`` with the chapters.
"""

from __future__ import annotations

from pathlib import Path

from harness.analysis.rules import BOTH, ONE, TABLE, Rule

FOLDER = Path(__file__).parent
READ_FOR = {BOTH: "all tasks", ONE: "tasks with one right answer"}
OPEN_TASKS = "open tasks"
BODY = "\n## Why\n"


def head(rule: Rule) -> str:
    """Return what a page says of its row."""
    rows = {
        "what it saw": rule.evidence,
        "what to do": rule.action,
        "confidence": rule.confidence,
        "what would change it": rule.would_change,
        "read for": READ_FOR.get(rule.tasks, OPEN_TASKS),
    }
    lines = [f"| {name} | {text} |" for name, text in rows.items()]
    return "\n".join(
        [f"# Rule {rule.number}: {rule.diagnosis}", "", "| | |", "|---|---|", *lines, ""]
    )


def page_of(rule: Rule) -> Path:
    """Return a row's page.

    Raises:
        FileNotFoundError: it has none, or several.
    """
    found = list(FOLDER.glob(f"{rule.number:02}-*.md"))
    if len(found) != 1:
        raise FileNotFoundError(f"docs/rules/{rule.number:02}-*.md: {len(found)} pages; write one")
    return found[0]


def updated(rule: Rule) -> str:
    """Return a page with its row's text as it is now."""
    _, mark, body = page_of(rule).read_text(encoding="utf-8").partition(BODY)
    return head(rule) + mark + body


def index() -> str:
    """Return the list of all pages, in the order in which the rows are tried."""
    lines = [
        "# The rules, one page each",
        "",
        "The rows of the decision table in the order in which they are tried; the first that",
        "matches wins. [How the advice is made](../advice.md) explains the terms. In a terminal:",
        "`harness show rule 7`, or `harness advise PATH --explain`.",
        "",
        "| # | diagnosis | what to do |",
        "|---|---|---|",
    ]
    lines += [f"| {r.number} | [{r.diagnosis}]({page_of(r).name}) | {r.action} |" for r in TABLE]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    for row in TABLE:
        page_of(row).write_text(updated(row), encoding="utf-8")
    (FOLDER / "README.md").write_text(index(), encoding="utf-8")
