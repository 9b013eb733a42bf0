from __future__ import annotations

import io

import pytest
from rich.text import Text

from harness.cli.terminal import PIPE_WIDTH, Output, Screen

ESCAPE = "\x1b"


class Terminal(io.StringIO):
    """A terminal that remembers."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Latin(Terminal):
    encoding = "latin-1"


RED = [Text("no", style="red")]


def shown(screen: Screen) -> str:
    screen.show(RED)
    return screen.stream.getvalue()


def test_a_terminal_gets_colours() -> None:
    assert ESCAPE in shown(Screen.of(Terminal(), {"TERM": "xterm-256color"}))


@pytest.mark.parametrize(
    "environ", [{"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": "unknown"}]
)
def test_colours_are_left_out_where_they_are_not_wanted(environ: dict[str, str]) -> None:
    assert shown(Screen.of(Terminal(), environ)) == "no\n"


def test_a_pipe_or_plain_output_has_no_escape_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert shown(Screen.of(io.StringIO(), {"TERM": "xterm"})) == "no\n"
    assert shown(Screen.of(Terminal(), {"TERM": "xterm"}, plain=True)) == "no\n"


def test_the_width_is_that_of_columns_or_of_a_page() -> None:
    assert Screen.of(io.StringIO(), {}).width == PIPE_WIDTH
    assert Screen.of(io.StringIO(), {"COLUMNS": "72"}).width == 72
    assert Screen.of(io.StringIO(), {"COLUMNS": "9"}).width == 40
    assert Screen.of(io.StringIO(), {"COLUMNS": "4000"}).width == 120


def test_what_a_terminal_cannot_show_is_written_in_its_letters() -> None:
    screen = Screen.of(Latin(), {"TERM": "xterm"})
    assert screen.ascii
    assert screen.readable("−3 → café, 日") == "-3 -> café, ?"
    plain = Screen.of(Terminal(), {"TERM": "xterm"}, plain=True)
    assert plain.readable("−3 → café, 日") == "-3 -> café, 日"


def test_control_characters_of_strangers_are_not_sent() -> None:
    screen = Screen(Terminal())
    told = screen.readable("a\x1b[31mb\x07\r\n\u202ec\x9bd\x00")
    assert told.isprintable()
    assert "[31mb" in told


def test_long_texts_are_cut_or_wrapped_to_the_columns_there_are() -> None:
    screen = Screen(Terminal(), width=40)
    assert screen.clipped("x" * 100) == "x" * 39 + "…"
    assert screen.clipped("日" * 100, 10) == "日日日日…"
    lines = screen.wrapped("word " * 40, 2, 3)
    assert len(lines) == 3
    assert max(map(len, lines)) <= 40
    assert lines[-1].endswith("…")
    assert screen.wrapped("x" * 100, 2, 3) == ["  " + "x" * 37 + "…"]


def test_texts_are_cut_behind_a_word() -> None:
    screen = Screen(Terminal(), width=40)
    said = "less diverse than the base model, which mostly misses the task"
    assert screen.clipped(said) == "less diverse than the base model, which…"
    assert screen.clipped(said, 35) == "less diverse than the base model…"
    assert screen.wrapped(said, 0, 2, 2) == [
        *("less diverse than the base model,", "which mostly misses the task")
    ]


@pytest.mark.parametrize(
    "screen",
    [
        Screen.of(io.StringIO(), {"COLUMNS": "40"}),
        Screen.of(Terminal(), {"COLUMNS": "40", "TERM": "xterm"}, plain=True),
    ],
)
def test_logs_and_pipes_get_whole_lines(screen: Screen) -> None:
    said = "word " * 30 + "end"
    assert screen.clipped(said) == said
    assert screen.padded(said, 10) == said
    assert screen.wrapped(said, 2, 1) == ["  " + said]
    assert [line.plain for line in screen.folded(Text(said))] == [said]


def test_a_terminal_folds_lines_between_words_and_never_within_a_command() -> None:
    screen = Screen(Terminal(), width=40)
    line = Text("  evidence: held-out answers of both models: ", style="red")
    line.append("harness compare BASE TUNED --eval EVAL-OF-YOURS (and --registry DIR)", "bold")
    folded = screen.folded(line)
    assert [part.plain for part in folded] == [
        "  evidence: held-out answers of both",
        "    models:",
        "    harness compare BASE TUNED --eval EVAL-OF-YOURS",
        "    (and --registry DIR)",
    ]
    assert any(span.style == "bold" for span in folded[2].spans)
    assert screen.folded(Text("short")) == [Text("short")]


def test_json_has_standard_output_for_itself(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).tell("Report: here")
    Output().tell("Report: there")
    out, err = capsys.readouterr()
    assert (out, err) == ("Report: there\n", "Report: here\n")


def test_lines_to_be_copied_are_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    Output().tell("Report: " + "long/" * 100)
    assert len(capsys.readouterr().out.splitlines()) == 1
