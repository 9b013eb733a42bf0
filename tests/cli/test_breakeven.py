"""harness breakeven: from numbers, and what is said where some are missing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import pytest

from harness.cli import main

Harness = Callable[..., int]
NUMBERS = ("--training-tokens", "100000", "--prompt-tokens", "1000", "--completion-tokens", "200")


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> Harness:
    def run(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["harness", "breakeven", *words])
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    return run


def test_the_guide_of_2023_pays_after_90_calls(
    harness: Harness, capsys: pytest.CaptureFixture[str]
) -> None:
    assert harness("--base", "gpt-3.5-turbo", "--instead-of", "gpt-4", *NUMBERS) == 0
    out = capsys.readouterr().out
    assert "after 90 calls" in out
    assert "$2.40" in out
    assert "2023-08" in out


def test_json_is_that_of_the_report(harness: Harness, capsys: pytest.CaptureFixture[str]) -> None:
    assert harness("--base", "gpt-4.1", "--instead-of", "gpt-4.1", *NUMBERS, "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "never"
    assert "1.5 times as much" in found["reason"]


def test_missing_numbers_are_named(harness: Harness, capsys: pytest.CaptureFixture[str]) -> None:
    assert harness("--base", "gpt-4.1") == 2
    err = capsys.readouterr().err
    assert "give --instead-of, --training-tokens, --prompt-tokens, --completion-tokens" in err


def test_numbers_beside_a_run_folder_are_refused(
    harness: Harness, capsys: pytest.CaptureFixture[str]
) -> None:
    assert harness("nowhere", "--base", "x") == 2
    assert "brings its own tokens" in capsys.readouterr().err
    assert harness("nowhere") == 2
    assert "nowhere: no such run folder" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--training-tokens", "--calls-per-day", "--days"])
@pytest.mark.parametrize("value", ["inf", "nan"])
def test_numbers_without_an_end_are_refused(
    harness: Harness, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    asked = ("--base", "gpt-3.5-turbo", "--instead-of", "gpt-4", *NUMBERS, option, value)
    assert harness(*asked) == 2
    err = capsys.readouterr().err
    assert option in err
    assert "Traceback" not in err


def test_hosting_that_takes_it_all_is_said_and_no_calls_are_named(
    harness: Harness, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("--base", "gpt-3.5-turbo", "--instead-of", "gpt-4", *NUMBERS)
    hosting = ("--calls-per-day", "10", "--hosting-per-day", "1000")
    assert harness(*asked, *hosting) == 0
    out = capsys.readouterr().out
    assert "Tuning never pays against gpt-4" in out
    assert "the hosting takes it all" in out
    assert "pays against gpt-4 (its own prompt) after" not in out
    assert harness(*asked, *hosting, "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["verdict"], found["calls"]) == ("never", None)
