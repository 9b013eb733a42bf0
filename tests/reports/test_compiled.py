"""Templates are compiled once; where that cannot be kept, each time."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from harness.reports.compiled import kept_beside


def page(templates: Path) -> str:
    environment = Environment(
        loader=FileSystemLoader(templates), bytecode_cache=kept_beside(templates), autoescape=True
    )
    return environment.get_template("page.j2").render(name="<you>")


def test_a_template_is_compiled_once_and_again_when_it_changes(tmp_path: Path) -> None:
    (tmp_path / "page.j2").write_text("hello {{ name }}")
    assert page(tmp_path) == page(tmp_path) == "hello &lt;you&gt;"
    assert len(list((tmp_path / "__pycache__").iterdir())) == 1
    (tmp_path / "page.j2").write_text("bye {{ name }}")
    assert page(tmp_path) == "bye &lt;you&gt;"


def test_where_nothing_can_be_kept_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "__pycache__").write_text("in the way")
    assert kept_beside(tmp_path) is None
