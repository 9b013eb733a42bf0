"""Whether another's class may run: names and files are looked at, nothing is imported."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.registry.third_party import bridge_status, class_allowed


@pytest.mark.parametrize(
    ("name", "prefix", "allowed"),
    [
        ("evals.elsuite.foo:Bar", "evals.elsuite", True),
        ("evals.elsuite.foo:Bar", "evals.elsuite.foo", True),
        ("evals.elsuite.foo:Bar", "evals", True),
        ("evals.elsuite.foo:Bar", "evals.elsuite.*", True),
        ("evals.elsuitex:Bar", "evals.elsuite", False),
        ("evals.elsuite:Bar", "evals.elsuite.foo", False),
        ("evals.elsuite.foo:Bar", "", False),
        ("evals.elsuite.foo:Bar", "elsuite", False),
    ],
)
def test_a_prefix_allows_its_module_and_those_below(name: str, prefix: str, allowed: bool) -> None:
    assert class_allowed(name, [prefix]) is allowed


def test_nothing_is_allowed_by_default() -> None:
    assert not class_allowed("evals.elsuite.foo:Bar", [])


@pytest.mark.parametrize("name", ["no.colon", ":Bar", "a b:C", "../x:Y", "a.b:", "a..b:C"])
def test_a_name_that_is_no_class_is_said_to_be_none(name: str) -> None:
    assert "is no 'package.module:Class'" in (bridge_status(name, ["a", "no"]) or "")


def test_looking_at_a_class_imports_nothing_of_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "looked_at" / "inner"
    package.mkdir(parents=True)
    mark = tmp_path / "imported"
    for folder in (package.parent, package):
        (folder / "__init__.py").write_text(f"open({str(mark)!r}, 'w')\n")
    (package / "module.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("harness.registry.third_party.reference_installed", lambda: True)
    assert bridge_status("looked_at.inner.module:Eval", ["looked_at"]) is None
    assert "no module" in (bridge_status("looked_at.inner.other:Eval", ["looked_at"]) or "")
    assert not mark.exists()
    assert not any(name.startswith("looked_at") for name in sys.modules)
