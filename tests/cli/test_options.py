"""Options that several commands share."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path

import pytest

from harness.cli import loaded, main
from harness.cli.options import RunOptions

ASKING = ("study", "run", "compare")


@pytest.mark.parametrize("command", ASKING)
def test_a_command_that_asks_models_has_an_option_for_every_field(command: str) -> None:
    names = {parameter.name for parameter in loaded(command).params}
    assert {field.name for field in fields(RunOptions)} <= names
    assert "asked" not in names


@pytest.mark.parametrize("command", ASKING)
def test_an_option_that_is_not_given_keeps_the_default_of_its_field(command: str) -> None:
    defaults = {parameter.name: parameter.default for parameter in loaded(command).params}
    for field in fields(RunOptions):
        assert (defaults[field.name] or None) == (field.default or None)


@pytest.mark.parametrize(
    "words",
    [
        ("loop", "demo"),
        ("study", "demo"),
        ("demo",),
        ("run", "orders.heldout.v1", "-m", "embedded:tiny-base"),
        ("compare", "embedded:tiny-base", "embedded:other", "-e", "orders.heldout.v1"),
    ],
    ids=lambda words: words[0],
)
def test_what_is_gone_on_with_is_not_begun_anew(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
) -> None:
    kept = tmp_path / "round-1" / "journal.jsonl"
    kept.parent.mkdir()
    for path in (kept, tmp_path / "loop.yaml", tmp_path / "study.yaml", tmp_path / "journal.jsonl"):
        path.write_text("precious")
    asked = ("--out", str(tmp_path), "--overwrite", "--resume")
    monkeypatch.setattr(sys, "argv", ["harness", *words, *asked])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "leave one out" in capsys.readouterr().err
    assert len(list(tmp_path.rglob("*.*"))) == 4
