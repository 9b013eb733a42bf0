"""Every row of the decision table has a page, every page a row, and both say the same."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from harness.analysis.rules import TABLE, Rule
from harness.cli import app
from harness.cli.rulepages import page
from harness.errors import UsageError

FOLDER = Path(__file__).parents[1] / "docs" / "rules"
REPAIR = "run: python docs/rules/make.py"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_rules", FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = script()


def test_every_row_has_a_page_and_every_page_a_row() -> None:
    pages = sorted(int(one.name[:2]) for one in FOLDER.glob("[0-9][0-9]-*.md"))
    assert pages == sorted(rule.number for rule in TABLE), f"write the page; then {REPAIR}"


@pytest.mark.parametrize("rule", TABLE, ids=lambda rule: str(rule.number))
def test_a_page_says_what_its_row_says_and_has_all_chapters(rule: Rule) -> None:
    text = page(rule.number)
    assert text == MAKE.updated(rule), REPAIR
    chapters = [line for line in text.splitlines() if line.startswith("## ")]
    assert chapters == ["## Why", "## What to do", "## Example", "## Source"]
    assert any(c.isdigit() for c in text.partition("## Example")[2].partition("## ")[0])


def test_the_index_lists_the_rows_in_their_order() -> None:
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == MAKE.index(), REPAIR


def test_a_page_is_shown_by_its_number() -> None:
    shown = CliRunner().invoke(app, ["show", "rule", "7"])
    assert shown.exit_code == 0
    assert "# Rule 7: overfit" in shown.output


def test_a_rule_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match="no rule 99; known are 1 to"):
        page("99")
    with pytest.raises(UsageError, match="no rule x"):
        page("x")
