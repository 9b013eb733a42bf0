"""Options that several commands share."""

from __future__ import annotations

from dataclasses import fields

import pytest

from harness.cli import loaded
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
