"""What --help prints."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from rich.cells import cell_len
from rich.text import Text
from typer.testing import CliRunner, Result

from harness.cli import COMMANDS, app, loaded
from harness.cli.helptext import Row, blocks, example, listed

WIDTHS = (60, 80, 120)
OVERVIEW = ""


def helped(command: str, width: int) -> Result:
    arguments = [command, "--help"] if command else ["--help"]
    columns = {"COLUMNS": str(width)}
    return CliRunner().invoke(app, arguments, prog_name="harness", env=columns)


def options(command: str) -> set[str]:
    return {name for one in loaded(command).params for name in (*one.opts, *one.secondary_opts)}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("command", [OVERVIEW, *COMMANDS])
def test_help_cuts_nothing_and_gives_flags_no_value(command: str, width: int) -> None:
    shown = helped(command, width)
    assert shown.exit_code == 0
    assert "…" not in shown.output
    assert "<bool>" not in shown.output
    assert max(map(cell_len, shown.output.splitlines())) <= width
    if command:
        words = set(re.split(r"[\s│,]+", shown.output))
        assert {name for name in options(command) if name.startswith("--")} <= words


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("command", COMMANDS)
def test_no_line_of_a_paragraph_ends_before_the_next_word_would_not_fit(
    command: str, width: int
) -> None:
    before_panels = helped(command, width).output.split("╭", 1)[0]
    lines = [line.strip() for line in before_panels.partition("Examples")[0].splitlines()]
    for line, following in pairwise(lines):
        if line and following:
            assert len(line) + 1 + len(following.split()[0]) > width - 2, line


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_examples_and_says_what_every_option_means(command: str) -> None:
    assert f"harness {command}" in helped(command, 80).output.partition("Examples")[2]
    assert [one.name for one in loaded(command).params if not one.help] == []


def test_paragraphs_are_joined_and_examples_stay_one_below_the_other() -> None:
    text = "One\nof two.\n\nMore\n[bold]words[/bold].\n\n  harness a\n\n  harness b"
    assert [line.plain for line in blocks(text, 40)] == [
        *("One of two.", "", "More words.", "", "  harness a", "  harness b")
    ]


def test_a_long_example_can_be_copied_from_its_lines() -> None:
    command = '  harness study my.yaml --lora-glob "out/check point-*" --out reports/mine'
    lines = [line.plain for line in example(f"{command}    (as mine advised)", 50)]
    assert lines[-1].strip() == "(as mine advised)"
    assert all(line.endswith(" \\") for line in lines[:-2])
    joined = " ".join(line.removesuffix("\\") for line in lines[:-1])
    assert joined.split() == command.split()
    assert max(map(len, lines)) <= 50


def test_a_name_that_is_too_long_stands_alone_above_its_meaning() -> None:
    long = "--learning-rate-multiplier NUMBER"
    rows = [Row("--out DIR", Text("Where to.")), Row(long, Text("Scales it."))]
    lines = [line.plain for line in listed(rows, 50)]
    assert lines == ["--out DIR  Where to.", long, "           Scales it."]


def test_what_is_assumed_and_allowed_stands_behind_the_meaning() -> None:
    told = " ".join(helped("compare", 120).output.split())
    assert "[default: 5; 1 or more]" in told
    assert "[2 to 20]" in told
    assert "Usage: harness compare [OPTIONS] BASE [TUNED...]" in told


def test_without_a_command_the_overview_is_shown_as_wrong_use() -> None:
    shown = CliRunner().invoke(app, [], prog_name="harness", env={"COLUMNS": "80"})
    assert shown.exit_code == 2
    assert shown.output.strip() == helped(OVERVIEW, 80).output.strip()


def test_the_version_is_one_line() -> None:
    shown = CliRunner().invoke(app, ["--version"])
    assert (shown.exit_code, len(shown.output.splitlines())) == (0, 1)
    assert re.fullmatch(r"harness \d+\.\d+\.\d+\n", shown.output)
