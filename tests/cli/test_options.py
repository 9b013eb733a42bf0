"""Options that several commands share."""

from __future__ import annotations

import time
from dataclasses import fields
from pathlib import Path

import pytest

from harness.cli import loaded
from harness.cli.options import RunOptions, run_folder

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


def test_a_free_run_folder_is_found_without_listing_all_that_could_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    begun = time.process_time()
    for expected in ("demo", "demo-1", "demo-2"):
        found = run_folder(None, "demo")
        assert found == Path("reports", expected)
        found.mkdir(parents=True)
    assert time.process_time() - begun < 0.5
