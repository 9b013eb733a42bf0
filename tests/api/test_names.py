"""docs/api.md and docs/export.md say what there is, and what they show runs."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import harness
import harness.api
from harness.pipeline.exporting.exported import METRICS, SAMPLES

DOCS = Path(__file__).parents[2] / "docs"
API = (DOCS / "api.md").read_text(encoding="utf-8")


def stable() -> dict[str, str]:
    """The names of the last table, with what is said of each."""
    _, _, after = API.partition("## Stable names")
    rows = (line.split("|")[1:3] for line in after.splitlines() if line.startswith("| `"))
    return {n: told for named, told in rows for n in re.findall(r"`(\w+)", named)}


def test_the_documented_names_are_those_that_harness_offers() -> None:
    assert set(stable()) == set(harness.LATE)
    assert set(harness.api.__all__) <= set(stable())
    assert all(hasattr(harness, name) for name in stable())
    assert set(stable()) <= set(dir(harness))


@pytest.mark.parametrize("name", ["Results", "Advices", "GateResult", "LintResult"])
def test_the_documented_attributes_are_those_of_the_class(name: str) -> None:
    found = getattr(harness, name)
    public = {n for n in dir(found) if not n.startswith("_")} | {f.name for f in fields(found)}
    assert set(re.findall(r"`\.(\w+)", stable()[name])) == public


def test_the_documented_settings_are_those_that_there_are() -> None:
    table = API.partition("| field | meaning |")[2].partition("## Errors")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(field.name for field in fields(harness.Settings))


@pytest.mark.parametrize("name", sorted(harness.LATE))
def test_every_name_says_what_it_is(name: str) -> None:
    found = getattr(harness, name)
    assert len(inspect.getdoc(found) or "") > 20
    if inspect.isfunction(found):
        missing = [p for p in inspect.signature(found).parameters.values() if not p.annotation]
        assert not missing


def test_importing_harness_costs_next_to_nothing() -> None:
    heavy = ("harness.pipeline", "harness.api", "numpy", "pandas", "orjson", "asyncio", "typer")
    script = f"import sys, harness; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.long
def test_every_code_block_of_the_page_runs(tmp_path: Path) -> None:
    place: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", API, re.DOTALL)
    for block in blocks:
        exec(compile(block, "docs/api.md", "exec"), place)
    assert len(blocks) >= 9
    assert (tmp_path / "functions" / "report.html").exists()


@pytest.mark.parametrize(("title", "columns"), [("Samples", SAMPLES), ("Metrics", METRICS)])
def test_the_documented_columns_are_those_of_the_tables(title, columns) -> None:
    text = (DOCS / "export.md").read_text(encoding="utf-8")
    part = text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    rows = [line for line in part.splitlines() if line.startswith("| `")]
    assert rows == [f"| `{c.name}` | {c.kind} | {c.meaning} |" for c in columns]
