"""Progress: a bar where somebody looks, nothing where nobody does."""

from __future__ import annotations

import io
import sys
import types

import pytest

from harness.api.progress import Lines, Notebook, Nowhere, Terminal, Watching, in_notebook, screen
from harness.finetuning.jobs import TuningProgress
from harness.records import Finding, Outcome
from harness.running.loop import Stop
from harness.running.runner import Tally

OUTCOME = Outcome("e", "m", "s", 0, "k")


class Drawn:
    """A screen that keeps what was drawn."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def draw(self, done: int, total: int, text: str) -> None:
        self.lines.append(text)

    def close(self) -> None:
        self.lines.append("closed")


class ZMQInteractiveShell:
    """What a notebook's kernel calls its shell."""


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """As if a notebook ran this; what it would show."""
    shown: list[str] = []
    handle = types.SimpleNamespace(update=shown.append)
    display = types.SimpleNamespace(HTML=str, display=lambda html, display_id: handle)
    package = types.ModuleType("IPython")
    package.get_ipython = ZMQInteractiveShell  # type: ignore[attr-defined]
    package.display = display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return shown


def test_without_a_terminal_nothing_is_shown_unless_asked(capsys) -> None:
    assert isinstance(screen(None), Nowhere)
    assert isinstance(screen(False), Nowhere)
    assert isinstance(screen(True), Lines)


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    tty = io.StringIO()
    tty.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", tty)
    found = screen(None)
    assert isinstance(found, Terminal)
    found.draw(1, 2, "answers: 1 of 2")
    found.close()


def test_a_notebook_gets_a_bar_that_is_gone_at_the_end(notebook: list[str]) -> None:
    assert in_notebook()
    found = screen(None)
    assert isinstance(found, Notebook)
    found.draw(3, 10, "answers: 3 of 10, <b>")
    found.close()
    assert 'max="10" value="3"' in notebook[0]
    assert "&lt;b&gt;" in notebook[0]
    assert notebook[-1] == ""


def test_answers_are_counted_now_and_then_and_at_the_end() -> None:
    drawn = Drawn()
    watching = Watching(drawn, Stop())
    with watching.evaluating(100) as observer:
        for done in range(1, 101):
            observer.observe(OUTCOME, Tally(answered=done, cost_usd=0.5))
    watching.close()
    assert drawn.lines[0] == "answers: 1 of 100, $0.5000"
    assert drawn.lines[-2:] == ["answers: 100 of 100, $0.5000", "closed"]
    assert len(drawn.lines) < 10


def test_lines_come_by_tenths(capsys) -> None:
    shown = Lines()
    for done in range(101):
        shown.draw(done, 100, f"answers: {done} of 100")
    assert len(capsys.readouterr().err.splitlines()) == 11


def test_tuning_tells_its_step_and_stops_when_asked() -> None:
    drawn, stop = Drawn(), Stop()
    watching = Watching(drawn, stop)
    step = TuningProgress("running", step=3, total_steps=9, train_loss=1.5)
    watching.tuning("orders, seed 1", step)
    assert drawn.lines == ["tuning orders, seed 1: step 3 of 9, loss 1.50"]
    stop.now()
    with pytest.raises(KeyboardInterrupt):
        watching.tuning("orders, seed 1", step)


def test_what_was_to_notice_is_kept() -> None:
    watching = Watching(Nowhere(), Stop())
    finding = Finding("r", "warn", "look here")
    watching.noticed("orders", finding)
    assert watching.notices == [("orders", finding)]


NOTEBOOK = """
import harness
settings = harness.Settings(registry=["reg"], data=["."])
async def blue(request):
    return "blue"
found = harness.run("colours.test.v1", blue, out="run", settings=settings)
found
"""


def test_a_real_kernel_shows_the_card(settings, tmp_path) -> None:
    client = pytest.importorskip("nbclient")
    formats = pytest.importorskip("nbformat")
    notebook = formats.v4.new_notebook(cells=[formats.v4.new_code_cell(NOTEBOOK)])
    where = {"metadata": {"path": str(tmp_path)}}
    client.NotebookClient(notebook, timeout=120, kernel_name="python3", resources=where).execute()
    bar, card = notebook.cells[0].outputs
    assert bar["data"]["text/html"] == ""
    assert "colours.test.v1" in card["data"]["text/html"]
    assert "accuracy 100%" in card["data"]["text/plain"]
