"""What `import harness` offers does what the commands do, and returns it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import harness
from harness.errors import ProviderError, RegistryError, RunFolderError, UsageError
from harness.records import Policy, Rule

EVAL = "colours.test.v1"


async def blue(request: harness.Request) -> str:
    return "blue"


def red(messages: list[dict[str, str]]) -> harness.Completion:
    return harness.Completion("red", "stop", harness.Usage(5, 1))


# --- run -----------------------------------------------------------------------------


def test_a_function_is_evaluated_like_any_model(settings: harness.Settings) -> None:
    found = harness.run(EVAL, blue, out="run", settings=settings)
    samples, metrics = found.samples(), found.metrics()
    assert set(samples["score"]) == {1.0}
    assert set(samples["model"]) == {"blue"}
    own = metrics[metrics["metric"] == "accuracy"].iloc[0]
    assert (own["value"], own["n"], own["excluded"]) == (1.0, 30, 0)
    assert found.report == Path("run/report.html")
    assert found.report.exists()


def test_samples_that_a_function_fails_on_are_excluded_and_not_wrong(
    settings: harness.Settings,
) -> None:
    async def moody(request: harness.Request) -> str:
        if request.sample_id.endswith("7"):
            raise ValueError("no idea")
        return "blue"

    samples = harness.run(EVAL, moody, out="run", settings=settings).samples()
    failed = samples[samples["failure"] != ""]
    assert len(failed) == 3
    assert failed["score"].isna().all()
    assert failed["failure_message"].iloc[0] == "moody: ValueError: no idea"


def test_an_embedded_model_needs_no_key() -> None:
    found = harness.run("orders.heldout.v1", "embedded:tiny-base", max_samples=3, out="run")
    assert len(found.samples()) == 3


def test_how_it_was_called_is_how_to_repeat_it(settings: harness.Settings) -> None:
    found = harness.run([EVAL], blue, max_samples=5, out=Path("a b"), settings=settings)
    assert found.document.provenance.command == (
        "harness.run(['colours.test.v1'], blue, out='a b', max_samples=5)"
    )


def test_a_key_is_nowhere_in_a_run_folder(settings: harness.Settings) -> None:
    secret = replace(settings, api_key="sk-abcdef123456", headers={"X-Key": "sk-abcdef123456"})
    harness.run(EVAL, blue, out="run", settings=secret)
    assert "sk-abcdef" not in repr(secret)
    for path in Path("run").rglob("*"):
        assert not path.is_file() or b"sk-abcdef" not in path.read_bytes()


def test_a_run_that_is_there_is_not_run_again(settings: harness.Settings) -> None:
    asked: list[str] = []

    async def counted(request: harness.Request) -> str:
        asked.append(request.sample_id)
        return "blue"

    harness.run(EVAL, counted, out="run", settings=settings)
    harness.run(EVAL, counted, out="run", settings=settings)
    assert len(asked) == 30


def test_a_study_is_loaded_and_run(settings: harness.Settings, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "mine:\n  base: small\n  experiments:\n"
        "    colours: {evals: [colours.test.v1], tuned: [{model: better, epochs: 2}]}\n"
    )
    study = harness.load_study(tmp_path / "s.yaml", settings=settings)

    async def by_model(request: harness.Request) -> str:
        return "blue" if request.model == "better" else "red"

    found = harness.run(study, by_model, out="run", settings=settings)
    assert found.document.title == "mine"
    assert list(found.samples().groupby("epochs")["score"].mean()) == [0.0, 1.0]
    assert list(found.advice.frame()["epochs"]) == [2.0]
    assert "load_study" in found.document.provenance.command


def test_a_registry_of_ones_own_is_one_folder_or_several(tmp_path: Path) -> None:
    (tmp_path / "own/evals").mkdir(parents=True)
    (tmp_path / "own/evals/mine.yaml").write_text("mine: {id: orders.heldout.v1}\n")
    (tmp_path / "s.yaml").write_text(
        "mine: {base: b, evals: [mine], tuned: [{model: t, epochs: 1}]}\n"
    )
    for own in (tmp_path / "own", str(tmp_path / "own"), [tmp_path / "own"]):
        study = harness.load_study(tmp_path / "s.yaml", settings=harness.Settings(registry=own))
        assert [one.evals for one in study.experiments] == [("mine",)]
    with pytest.raises(RegistryError, match=r"s.yaml.*no eval matches 'mine'.*registry=FOLDER"):
        harness.load_study(tmp_path / "s.yaml")


def test_a_policy_decides_a_run(settings: harness.Settings) -> None:
    policy = Policy("strict", (Rule("floor", "*", 0.9),))
    held = replace(settings, policy=policy)
    good = harness.run(EVAL, blue, out="good", settings=held)
    bad = harness.run(EVAL, red, out="bad", settings=held)
    assert good.gate is not None
    assert bad.gate is not None
    assert not bad.gate.passed
    assert (bad.gate.outcome, bad.gate.exit_code) == ("fail", 1)
    assert good.gate.frame().loc[0, "demand"] == "floor"


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda s: harness.run(EVAL, settings=s), UsageError, "who is to answer"),
        (lambda s: harness.run("nope", blue, settings=s), RegistryError, "nope"),
        (lambda s: harness.run(EVAL, 3, settings=s), UsageError, "cannot be called"),
        (lambda s: harness.run(EVAL, "gpt-4o", settings=s), UsageError, "no key and no server"),
        (lambda s: harness.load_study("demmo", settings=s), RegistryError, "demo"),
        (lambda s: harness.load_study("mine"), RegistryError, r"harness.Settings\(registry=FOLDER"),
        (lambda s: harness.run("mine", blue), RegistryError, r"harness.Settings\(registry=FOLDER"),
        (lambda s: harness.load_run("nowhere"), RunFolderError, "no such run folder"),
        (lambda s: harness.advise("nowhere"), RunFolderError, "no such file or folder"),
        (lambda s: harness.gate("nowhere"), UsageError, "policy is missing"),
        (lambda s: harness.gate(policy="no-worse"), UsageError, "give a run"),
        (lambda s: harness.lint("nowhere.jsonl"), UsageError, "nowhere.jsonl"),
        (lambda s: harness.compare(blue, settings=s), UsageError, "takes two"),
        (lambda s: harness.compare(blue, red, settings=s), UsageError, "evals is missing"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_repair(settings, call, error, told) -> None:
    with pytest.raises(error, match=told):
        call(settings)


def test_nothing_answered_is_an_error(settings: harness.Settings) -> None:
    def broken(request: harness.Request) -> str:
        raise RuntimeError("always")

    with pytest.raises(ProviderError, match="broken: RuntimeError: always"):
        harness.run(EVAL, broken, out="run", settings=settings)


# --- compare -------------------------------------------------------------------------


def test_functions_are_compared_on_the_same_samples(settings: harness.Settings) -> None:
    found = harness.compare(red, blue, evals=EVAL, out="run", settings=settings)
    row = found.comparisons().iloc[0]
    assert (row["base"], row["tuned"], row["fixed"], row["broken"]) == ("red", "blue", 30, 0)
    assert row["low"] > 0.7
    assert "better than base" in repr(found)


def test_models_of_any_kind_stand_side_by_side(settings: harness.Settings) -> None:
    models = ("embedded:tiny-base", blue, blue)
    found = harness.compare(*models, evals=EVAL, max_samples=4, out="run", settings=settings)
    assert list(found.comparisons()["tuned"]) == ["blue", "blue-2"]


def test_earlier_runs_are_compared_without_asking(settings: harness.Settings) -> None:
    one = harness.run(EVAL, red, out="one", settings=settings)
    two = harness.run(EVAL, blue, out="two", settings=settings)
    found = harness.compare(one, two)
    assert found.comparisons().equals(harness.compare("one", Path("two")).comparisons())
    assert found.folder is None
    with pytest.raises(UsageError, match="load_run"):
        found.samples()
    assert found.write("both").exists()


# --- conclusions ---------------------------------------------------------------------


def test_advice_on_curves_needs_no_answers(tmp_path: Path) -> None:
    steps = "".join(f"{n},{2 / (n + 1):.3f},,,\n" for n in range(60))
    names = "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n"
    (tmp_path / "result.csv").write_text(names + steps)
    told = harness.advise(tmp_path / "result.csv", epochs=3).frame()
    assert len(told) == 1
    assert set(told["recommend"]) <= {-2, -1, 0, 1, 2}
    assert told["headline"].str.len().min() > 4


def test_a_job_and_its_result_file_are_advised_on_together(tmp_path: Path) -> None:
    steps = "".join(f"{n},{2 / (n + 1):.3f},,{3 / (n + 1):.3f},\n" for n in range(1, 61))
    names = "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n"
    job, result = tmp_path / "job.json", tmp_path / "result.csv"
    result.write_text(names + steps)
    told = {"object": "fine_tuning.job", "id": "ftjob-1", "status": "succeeded", "model": "m"}
    job.write_text(json.dumps({**told, "hyperparameters": {"n_epochs": 5}}))
    (advice,) = harness.advise(job, result)
    assert advice.epochs == 5
    with pytest.raises(UsageError, match="it says them"):
        harness.advise(job, result, epochs=3)
    with pytest.raises(RunFolderError, match=r"gone\.csv: no such file"):
        harness.advise(job, tmp_path / "gone.csv")


def test_a_gate_says_whether_a_model_may_go(settings: harness.Settings) -> None:
    one = harness.run(EVAL, red, out="one", settings=settings)
    two = harness.run(EVAL, blue, out="two", settings=settings)
    assert harness.gate(one, two, policy="no-worse", settings=settings).passed
    assert harness.gate("two", "one", policy="no-worse", settings=settings).outcome == "fail"


def test_a_lint_names_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"messages": [{"role": "user", "content": "hi"}]}\n' * 12)
    found = harness.lint(path)
    assert found.outcome in ("blocked", "unjudged")
    assert isinstance(found.frame(), pd.DataFrame)


# --- anywhere ------------------------------------------------------------------------


async def test_it_works_where_a_loop_runs_already(settings: harness.Settings) -> None:
    found = harness.run(EVAL, blue, out="run", settings=settings)
    assert set(found.samples()["score"]) == {1.0}


async def test_the_loop_goes_on_while_a_study_runs(settings: harness.Settings) -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    async def mine(request: harness.Request) -> str:
        loops.append(asyncio.get_running_loop())
        return "blue"

    found = await harness.run_async(EVAL, mine, out="run", settings=settings)
    assert set(loops) == {asyncio.get_running_loop()}
    assert len(found.samples()) == 30


async def test_two_runs_at_once_do_not_meet(settings: harness.Settings) -> None:
    runs = (
        harness.run_async(EVAL, blue, out="one", settings=settings),
        harness.compare_async(red, blue, evals=EVAL, out="two", settings=settings),
    )
    one, two = await asyncio.gather(*runs)
    assert (len(one.samples()), len(two.samples())) == (30, 60)


async def test_a_cancelled_run_keeps_its_answers_and_goes_on(settings: harness.Settings) -> None:
    begun, hung = asyncio.Event(), True

    async def slow(request: harness.Request) -> str:
        if hung and int(request.sample_id.rpartition(".")[2]) > 10:
            begun.set()
            await asyncio.sleep(60)
        return "blue"

    task = asyncio.create_task(harness.run_async(EVAL, slow, out="run", settings=settings))
    await begun.wait()
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not [t for t in threading.enumerate() if t.name.startswith("harness")]
    hung = False
    kept = len(Path("run/journal.jsonl").read_text().splitlines())  # noqa: ASYNC240 - a test may wait
    assert kept > 5
    with pytest.raises(RunFolderError, match="unfinished"):
        await harness.run_async(EVAL, slow, out="run", settings=settings)
    found = await harness.run_async(EVAL, slow, out="run", resume=True, settings=settings)
    assert set(found.samples()["score"]) == {1.0}


INTERRUPTED = """
import asyncio, os, signal, sys, threading
import harness
settings = harness.Settings(registry=["reg"], data=["."])
def interrupt():  # the kernel may hand a signal of the process to any of its threads
    if sys.argv[1] == "elsewhere":
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
    else:
        os.kill(os.getpid(), signal.SIGINT)
async def slow(request):
    if int(request.sample_id.rpartition(".")[2]) == 11:
        threading.Timer(0.5, interrupt).start()
    if int(request.sample_id.rpartition(".")[2]) > 10:
        await asyncio.sleep(60)
    return "blue"
def go():
    try:
        harness.run("colours.test.v1", slow, out="run", settings=settings)
    except KeyboardInterrupt as error:
        print("stopped;", *error.__notes__)
async def inside():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    go()
go() if sys.argv[1] == "script" else asyncio.run(inside())
"""


@pytest.mark.parametrize("where", ["script", "loop", "elsewhere"])
def test_ctrl_c_loses_nothing(settings: harness.Settings, where: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED, where]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "stopped; what was answered is kept in run; go on with out='run', resume=True" in (
        done.stdout
    ), done.stderr
    assert len(Path("run/journal.jsonl").read_text().splitlines()) > 5
    found = harness.run(EVAL, _named_slow(), out="run", resume=True, settings=settings)
    assert len(found.samples()) == 30


def _named_slow():
    async def slow(request: harness.Request) -> str:
        return "blue"

    return slow


def test_a_failing_run_says_so_in_one_line_whoever_drives_it(settings: harness.Settings) -> None:
    bad = replace(settings, concurrency=0)
    with pytest.raises(UsageError, match="concurrency=0"):
        harness.run(EVAL, blue, out="run", settings=bad)
