"""Other people's eval classes on our models: a real server, real classes, a real journal."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp import web

from harness.errors import AuthenticationFailed, RegistryError
from harness.models.providers import Access, openai_provider
from harness.openai_evals.bridge import BridgedEval, bridged, check_bridged, run_bridged
from harness.openai_evals.bridge_files import final_reports, log_path, read_bridged_samples
from harness.openai_evals.terms import Terms
from harness.records import Outcome
from harness.registry import load_registry
from harness.running.journal import Journal, latest, outcomes
from harness.running.retries import Limits
from harness.running.runner import Tally

pytestmark = [pytest.mark.oracle, pytest.mark.usefixtures("reference")]

MODEL = "some-model"


# --- a model -------------------------------------------------------------------------


@dataclass(eq=False)
class ChatServer:
    """A chat server that counts; from request ``patience`` on it does not answer.

    An answer that is a number is refused with that status.
    """

    answer: Callable[[dict[str, Any]], str | int]
    patience: int = 1_000_000
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def chat(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        if len(self.asked) > self.patience:
            await asyncio.sleep(3600)
        text = self.answer(body)
        if isinstance(text, int):
            return web.json_response({"error": {"message": "not this one"}}, status=text)
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}
        return web.json_response({"model": body["model"], "choices": [choice], "usage": usage})

    @property
    def times_asked(self) -> Counter[str]:
        """How often each body came."""
        return Counter(json.dumps(body, sort_keys=True) for body in self.asked)


@contextmanager
def chat_server(
    answer: Callable[[dict[str, Any]], str | int], patience: int = 1_000_000
) -> Iterator[ChatServer]:
    """A running server, in a thread of its own."""
    server, loop, ready = ChatServer(answer, patience), asyncio.new_event_loop(), threading.Event()

    async def begin() -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", server.chat)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        return runner

    def work() -> None:
        runner = loop.run_until_complete(begin())
        loop.call_soon(ready.set)  # a stop that came before run_forever would be lost
        loop.run_forever()
        loop.run_until_complete(asyncio.sleep(0.1))  # what comes in as the server stops stays open
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def sums(body: dict[str, Any]) -> str:
    """Adds what the first question asks for; seven is its blind spot."""
    left, _, right = body["messages"][0]["content"].partition(" + ")
    total = int(left) + int(right)
    return "8" if total == 7 else str(total)


# --- somebody's eval -----------------------------------------------------------------

SUMS = '''
import evals
import evals.metrics


class Sums(evals.Eval):
    """Asks twice for every sum; the second answer counts."""

    def __init__(self, completion_fns, sums_jsonl, trap="", **kwargs):
        super().__init__(completion_fns, **kwargs)
        self.sums_jsonl = sums_jsonl
        self.trap = trap

    def eval_sample(self, sample, rng):
        question = [{"role": "user", "content": sample["sum"]}]
        draft = self.completion_fn(prompt=question, temperature=0).get_completions()[0]
        if sample["sum"] == self.trap:
            raise KeyError("the sheet is torn")
        again = [
            {"role": "assistant", "content": draft},
            {"role": "user", "content": "Really?"},
        ]
        final = self.completion_fn(prompt=question + again, temperature=0).get_completions()[0]
        evals.record.record_metrics(changed=draft != final, length=len(final))
        evals.record_and_check_match(prompt=question, sampled=final, expected=sample["total"])

    def run(self, recorder):
        self.eval_all_samples(recorder, evals.get_jsonl(self.sums_jsonl))
        return {"accuracy": evals.metrics.get_accuracy(recorder.get_events("match"))}


class Swallowing(Sums):
    """Takes whatever goes wrong for an empty answer."""

    def eval_sample(self, sample, rng):
        try:
            super().eval_sample(sample, rng)
        except Exception:
            evals.record.record_match(False, expected=sample["total"], picked="")


class Silent(Sums):
    """Records nothing."""

    def eval_sample(self, sample, rng):
        self.completion_fn(prompt=sample["sum"])


class Unaggregated(Sums):
    """Breaks when all samples are done."""

    def run(self, recorder):
        super().run(recorder)
        raise ZeroDivisionError("division by zero")


class NoEval:
    """Something else."""
'''

SOLVED = '''
from evals.eval import SolverEval
from evals.record import record_metrics
from evals.task_state import Message, TaskState


class Guessing(SolverEval):
    """A conversation of three turns, each knowing the turns before."""

    def eval_sample(self, solver, sample, rng):
        state = TaskState("Say how many messages you see.")
        for turn in range(3):
            state.messages.append(Message("user", f"turn {turn} of {sample}"))
            state.messages.append(Message("assistant", solver(state).output))
        seen = [message.content for message in state.messages[1::2]]
        record_metrics(accuracy=float(seen == ["2", "4", "6"]), turns=len(seen))

    def run(self, recorder):
        self.eval_all_samples(recorder, ["a", "b"])
        scores = recorder.get_scores("accuracy")
        return {"accuracy": sum(scores) / len(scores)}
'''

REGISTRY = """
sums:
  id: sums.dev.v0
  metrics: [accuracy]
  description: Sums, asked twice.
sums.dev.v0:
  class: bridged_sums.asking:Sums
  args: {{sums_jsonl: {data}}}
trapped.dev.v0:
  class: bridged_sums.asking:Sums
  args: {{sums_jsonl: {data}, trap: 2 + 2}}
swallowing.dev.v0:
  class: bridged_sums.asking:Swallowing
  args: {{sums_jsonl: {data}}}
silent.dev.v0:
  class: bridged_sums.asking:Silent
  args: {{sums_jsonl: {data}}}
unaggregated.dev.v0:
  class: bridged_sums.asking:Unaggregated
  args: {{sums_jsonl: {data}}}
no-eval.dev.v0: {{class: "bridged_sums.asking:NoEval"}}
no-data.dev.v0:
  class: bridged_sums.asking:Sums
  args: {{sums_jsonl: /nowhere/sums.jsonl}}
solved.dev.v0: {{class: "bridged_sums.solving:Guessing"}}
trespassing.dev.v0: {{class: "bridged_sums.private:Private"}}
hungry.dev.v0: {{class: "bridged_sums.hungry:Hungry"}}
absent.dev.v0: {{class: "nobody_has_this.package:Eval"}}
"""

SOLVERS = """
direct:
  class: evals.solvers.providers.openai.openai_solver:OpenAISolver
  args:
    completion_fn_options: {model: inner-model, extra_options: {temperature: 1, max_tokens: 9}}
thinking:
  class: evals.solvers.nested.cot_solver:CoTSolver
  args:
    cot_solver:
      class: evals.solvers.providers.openai.openai_solver:OpenAISolver
      args: {completion_fn_options: {model: thinker}}
    extract_solver:
      class: evals.solvers.providers.openai.openai_solver:OpenAISolver
      args: {completion_fn_options: {model: extractor}}
trespasser:
  class: evals.solvers.nested.cot_solver:CoTSolver
  args:
    cot_solver: {class: "bridged_sums.private:Private", args: {}}
"""

PAIRS = ((1, 1), (2, 2), (3, 4), (5, 5))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A registry folder whose classes lie in a package on the path."""
    package = tmp_path / "code" / "bridged_sums"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "asking.py").write_text(SUMS)
    (package / "solving.py").write_text(SOLVED)
    (package / "private.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w')\n")
    (package / "hungry.py").write_text("import evals\nimport no_such_package_at_all.inner\n")
    registry = tmp_path / "registry"
    (registry / "evals").mkdir(parents=True)
    (registry / "solvers").mkdir()
    data = tmp_path / "sums.jsonl"
    lines = [{"sum": f"{a} + {b}", "total": str(a + b)} for a, b in PAIRS]
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (registry / "evals" / "sums.yaml").write_text(REGISTRY.format(data=data))
    (registry / "solvers" / "solvers.yaml").write_text(SOLVERS)
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    yield registry
    for name in [name for name in sys.modules if name.partition(".")[0] == "bridged_sums"]:
        del sys.modules[name]


def entry_of(root: Path, name: str, allowed: Sequence[str] = ("bridged_sums",)) -> BridgedEval:
    return bridged(load_registry([root]), name, allowed)


async def play(
    entry: BridgedEval,
    journal: Journal,
    server: ChatServer,
    model: str = MODEL,
    terms: Terms | None = None,
) -> Tally:
    terms = terms or Terms(limits=Limits(max_attempts=1))
    async with openai_provider(Access(base_url=server.url, api_key="a key"), model) as provider:
        return await run_bridged(entry, model, provider, journal, terms)


def of_eval(journal: Journal, entry: BridgedEval) -> dict[str, Outcome]:
    return {o.sample_id: o for o in latest(journal.path, entry.name)}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "run" / "journal.jsonl", "a run") as journal:
        yield journal


# --- who may run ---------------------------------------------------------------------


def test_a_class_that_was_not_allowed_is_an_error_that_names_the_option(root: Path) -> None:
    with pytest.raises(RegistryError, match=r"--allow-code bridged_sums\.asking"):
        entry_of(root, "sums", allowed=())


def test_without_the_reference_package_both_steps_are_named(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.registry.third_party.REFERENCE", "not_installed_anywhere")
    with pytest.raises(RegistryError, match=r"pip install --no-deps evals .*--allow-code"):
        entry_of(root, "sums", allowed=())


def test_a_module_outside_the_allowed_ones_is_never_imported(root: Path) -> None:
    with pytest.raises(RegistryError, match=r"--allow-code bridged_sums\.private"):
        entry_of(root, "trespassing.dev.v0", allowed=("bridged_sums.priv", "bridged_sums.asking"))
    assert not (root.parent / "imported").exists()
    assert "bridged_sums.private" not in sys.modules


async def test_a_class_inside_a_solvers_spec_needs_permission_too(
    root: Path, journal: Journal
) -> None:
    entry = entry_of(root, "solved.dev.v0", ("bridged_sums.solving", "evals.solvers"))
    with (
        chat_server(sums) as server,
        pytest.raises(RegistryError, match=r"--allow-code bridged_sums\.private"),
    ):
        await play(entry, journal, server, "trespasser")
    assert not (root.parent / "imported").exists()


def test_a_class_that_is_no_eval_is_refused(root: Path) -> None:
    with pytest.raises(RegistryError, match=r"NoEval is no subclass of evals\.Eval"):
        check_bridged(entry_of(root, "no-eval.dev.v0"))


def test_a_package_that_a_class_lacks_is_named(root: Path) -> None:
    with pytest.raises(RegistryError, match="module 'no_such_package_at_all'"):
        check_bridged(entry_of(root, "hungry.dev.v0"))


def test_a_class_of_a_package_that_is_not_there_is_said_before_anything_is_imported(
    root: Path,
) -> None:
    with pytest.raises(RegistryError, match="no module 'nobody_has_this'"):
        entry_of(root, "absent.dev.v0", allowed=("nobody_has_this",))


async def test_an_eval_whose_data_are_missing_is_an_error_and_no_run(
    root: Path, journal: Journal
) -> None:
    with (
        chat_server(sums) as server,
        pytest.raises(RegistryError, match="broke before its first sample"),
    ):
        await play(entry_of(root, "no-data.dev.v0"), journal, server)


# --- what a run gives ----------------------------------------------------------------


async def test_a_custom_eval_runs_on_our_models_and_its_matches_are_marks(
    root: Path, journal: Journal
) -> None:
    entry = entry_of(root, "sums")
    with chat_server(sums) as server:
        tally = await play(entry, journal, server)
    assert (tally.answered, tally.failed, len(server.asked)) == (4, 0, 8)
    assert (tally.prompt_tokens, tally.completion_tokens) == (40, 8)
    assert all(body["temperature"] == 0 for body in server.asked)
    found = of_eval(journal, entry)
    assert {key: o.scores["accuracy"].value for key, o in found.items()} == {
        "sums.dev.0": 1,
        "sums.dev.1": 1,
        "sums.dev.2": 0,
        "sums.dev.3": 1,
    }
    first = found["sums.dev.0"]
    assert first.completion is not None
    assert (first.completion.text, len(first.completion.parts)) == ("2", 2)
    assert first.scores["accuracy"].label == "2"
    assert first.scores["accuracy"].details == {"changed": 0, "length": 1}


async def test_samples_log_and_final_report_lie_in_the_run_folder(
    root: Path, journal: Journal
) -> None:
    entry = entry_of(root, "sums")
    folder = journal.path.parent
    with chat_server(sums) as server:
        await play(entry, journal, server)
    samples = read_bridged_samples(entry.spec(folder).samples)
    assert samples["sums.dev.2"].messages == ({"role": "user", "content": "3 + 4"},)
    assert samples["sums.dev.2"].ideal == ("7",)
    report = final_reports(journal.path, entry.name)[MODEL]
    assert report.numbers["accuracy"] == 0.75
    assert report.numbers["usage_total_tokens"] == 48
    lines = [json.loads(line) for line in log_path(folder, entry.name).read_text().splitlines()]
    assert lines[0]["spec"]["eval_name"] == "sums.dev.v0"
    assert lines[-1]["final_report"]["accuracy"] == 0.75
    kinds = Counter(line["type"] for line in lines[1:-1])
    assert kinds == {"sampling": 8, "metrics": 4, "match": 4}


async def test_a_solver_eval_holds_a_conversation(root: Path, journal: Journal) -> None:
    entry = entry_of(root, "solved.dev.v0")
    with chat_server(lambda body: str(len(body["messages"]))) as server:
        tally = await play(entry, journal, server)
    assert (tally.answered, len(server.asked)) == (2, 6)
    for outcome in of_eval(journal, entry).values():
        assert outcome.scores["accuracy"].value == 1
        assert outcome.scores["accuracy"].details == {"turns": 3}
        assert outcome.completion is not None
        assert [part.text for part in outcome.completion.parts] == ["2", "4", "6"]


async def test_a_solver_of_the_registry_asks_the_model_that_it_names(
    root: Path, journal: Journal
) -> None:
    with chat_server(lambda body: str(len(body["messages"]))) as server:
        await play(entry_of(root, "solved.dev.v0"), journal, server, "direct")
    assert {body["model"] for body in server.asked} == {"inner-model"}
    assert {(body["temperature"], body["max_tokens"]) for body in server.asked} == {(1, 9)}
    assert {o.model for o in outcomes(journal.path)} == {"direct"}


async def test_solvers_inside_a_solver_are_ours_too(root: Path, journal: Journal) -> None:
    entry = entry_of(root, "solved.dev.v0", ("bridged_sums", "evals.solvers.nested"))
    with chat_server(lambda body: str(len(body["messages"]))) as server:
        tally = await play(entry, journal, server, "thinking")
    assert tally.failed == 0
    models = Counter(body["model"] for body in server.asked)
    assert models == {"thinker": 6, "extractor": 6}


async def test_max_samples_picks_what_the_reference_picks(root: Path, journal: Journal) -> None:
    entry = entry_of(root, "sums")
    with chat_server(sums) as server:
        tally = await play(entry, journal, server, terms=Terms(max_samples=2))
    from harness.datasets.samples import ordered

    assert tally.answered == 2
    assert set(of_eval(journal, entry)) == {f"sums.dev.{i}" for i in ordered(4, 2)}


async def test_an_eval_that_records_nothing_has_no_mark_and_says_so(
    root: Path, journal: Journal
) -> None:
    entry = entry_of(root, "silent.dev.v0")
    with chat_server(sums) as server:
        await play(entry, journal, server)
    scores = [outcome.scores["accuracy"] for outcome in of_eval(journal, entry).values()]
    assert [score.value for score in scores] == [None] * 4
    assert "neither a match nor a metric" in (scores[0].reason or "")


# --- what goes wrong -----------------------------------------------------------------


async def test_an_exception_in_one_sample_excludes_that_sample_only(
    root: Path, journal: Journal
) -> None:
    entry = entry_of(root, "trapped.dev.v0")
    with chat_server(sums) as server:
        tally = await play(entry, journal, server)
    assert (tally.answered, tally.failed, dict(tally.failures)) == (3, 1, {"eval_code": 1})
    failure = of_eval(journal, entry)["trapped.dev.1"].failure
    assert failure is not None
    assert failure.message == "KeyError: 'the sheet is torn'"
    assert final_reports(journal.path, entry.name)[MODEL].numbers["accuracy"] == pytest.approx(
        2 / 3
    )


@pytest.mark.parametrize("name", ["sums.dev.v0", "swallowing.dev.v0"])
async def test_a_call_without_an_answer_is_no_wrong_answer_even_where_code_goes_on(
    name: str, root: Path, journal: Journal
) -> None:
    def refuses(body: dict[str, Any]) -> str | int:
        return 400 if body["messages"][0]["content"] == "2 + 2" else sums(body)

    entry = entry_of(root, name)
    with chat_server(refuses) as server:
        tally = await play(entry, journal, server)
    assert (tally.answered, dict(tally.failures)) == (3, {"rejected": 1})
    with chat_server(refuses) as server:
        again = await play(entry, journal, server)
    assert (again.skipped, server.asked) == (4, [])


async def test_failed_samples_are_asked_again_only_with_retry_failed(
    root: Path, tmp_path: Path
) -> None:
    entry, path = entry_of(root, "sums"), tmp_path / "run" / "journal.jsonl"
    with Journal.open(path, "r") as journal, chat_server(lambda _: 400) as server:
        assert (await play(entry, journal, server)).failed == 4
    with Journal.open(path, "r", resume=True, retry_failed=True) as journal:
        with chat_server(sums) as server:
            assert (await play(entry, journal, server)).answered == 4
        assert all(o.failure is None for o in of_eval(journal, entry).values())


async def test_a_wrong_key_stops_the_run_at_once(root: Path, journal: Journal) -> None:
    with chat_server(lambda _: 401) as server, pytest.raises(AuthenticationFailed):
        await play(entry_of(root, "sums"), journal, server)
    assert not list(latest(journal.path, "sums.dev.v0"))


async def test_a_report_that_breaks_keeps_the_samples(root: Path, journal: Journal) -> None:
    entry = entry_of(root, "unaggregated.dev.v0")
    with chat_server(sums) as server:
        tally = await play(entry, journal, server)
    assert tally.answered == 4
    failure = final_reports(journal.path, entry.name)[MODEL].failure
    assert failure is not None
    assert failure.message == "ZeroDivisionError: division by zero"


async def test_the_environment_is_left_as_it_was(root: Path, journal: Journal) -> None:
    before = dict(os.environ)
    with chat_server(sums) as server:
        await play(entry_of(root, "sums"), journal, server)
    assert dict(os.environ) == before


# --- going on ------------------------------------------------------------------------

RUN = """
import asyncio, sys, warnings
warnings.simplefilter("ignore")
from pathlib import Path
from harness.models.providers import Access, openai_provider
from harness.openai_evals.bridge import bridged, run_bridged
from harness.openai_evals.terms import Terms
from harness.registry import load_registry
from harness.running.journal import Journal

async def main(root, path, url):
    entry = bridged(load_registry([Path(root)]), "sums", ["bridged_sums"])
    with Journal.open(Path(path), "r", resume=True) as journal:
        async with openai_provider(Access(base_url=url, api_key="k"), "m") as provider:
            await run_bridged(entry, "some-model", provider, journal, Terms())

asyncio.run(main(*sys.argv[1:]))
"""


def test_a_killed_run_goes_on_and_asks_nothing_twice(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "run" / "journal.jsonl"
    environment = {**os.environ, "PYTHONPATH": str(root.parent / "code"), "EVALS_THREADS": "2"}

    def begin(url: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", RUN, str(root), str(path), url]
        return subprocess.Popen(command, env=environment, cwd=Path(__file__).parents[2])

    with chat_server(sums, patience=5) as server:
        process = begin(server.url)
        _wait_for(lambda: len(server.asked) >= 6 and _journaled(path) == 5)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        answered = [json.dumps(body, sort_keys=True) for body in server.asked[:5]]
    with chat_server(sums) as server:
        assert begin(server.url).wait(60) == 0
    assert not set(answered) & set(server.times_asked)
    assert set(server.times_asked.values()) == {1}
    assert len(server.asked) == 8 - 5
    assert len(list(latest(path, "sums.dev.v0"))) == 4
    assert final_reports(path, "sums.dev.v0")[MODEL].numbers["accuracy"] == 0.75


def _journaled(path: Path) -> int:
    return sum(1 for _ in outcomes(path, "sums.dev.v0#calls")) if path.exists() else 0


def _wait_for(done: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "it does not happen"
        time.sleep(0.02)


# --- the reference's own classes -----------------------------------------------------


async def test_a_class_of_the_reference_scores_like_our_own_grader(
    reference_registry: Path, journal: Journal, reference: ModuleType
) -> None:
    registry = load_registry([reference_registry])
    entry = bridged(registry, "test-includes.s1.simple-v0", ["evals.elsuite.basic"])
    with chat_server(lambda _: "it is 2015, the year of OpenAI") as server:
        await play(replace(entry, allowed=("evals",)), journal, server)
    marks = [o.scores["accuracy"].value for o in of_eval(journal, entry).values()]
    report = final_reports(journal.path, entry.name)[MODEL]
    assert report.numbers["accuracy"] == sum(m or 0 for m in marks) / len(marks)
