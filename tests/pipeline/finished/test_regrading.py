"""A run's answers under other graders: nobody is asked, and the old marks stay."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.datasets import file_hash
from harness.errors import RegistryError, RunFolderError, UsageError
from harness.pipeline.finished.regrading import Regrading, regrade
from harness.pipeline.folder import manifest as manifests
from harness.pipeline.folder.manifest import Manifest, Plan
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.reviewing.reviews import Review, add_review, answer_hash, read_reviews
from harness.records import (
    Completion,
    EvalSpec,
    Experiment,
    Failure,
    Outcome,
    Route,
    Score,
    Study,
)
from harness.registry import Registry, load_registry
from harness.running.journal import Journal, latest

NAME = "cities.test.v1"
MATCH = f"""
{NAME}:
  class: evals.elsuite.basic.includes:Includes
  args: {{samples_jsonl: SAMPLES, ignore_case: IGNORE}}
"""
RUBRIC = f"""
{NAME}:
  class: evals.elsuite.modelgraded.classify:ModelBasedClassify
  args: {{samples_jsonl: SAMPLES, modelgraded_spec: polite, eval_type: classify}}
"""
POLITE = """
polite:
  prompt: "Is this polite? {completion}"
  choice_strings: ["Yes", "No"]
  choice_scores: SCORES
  input_outputs: {input: completion}
"""
Registered = Callable[..., Registry]


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    path = tmp_path / "samples.jsonl"
    lines = [{"input": f"capital {i}?", "ideal": "Oslo"} for i in range(3)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture
def registered(tmp_path: Path, samples: Path) -> Registered:
    """A registry with one eval, worded as wanted."""

    def made(eval_text: str, rubric: str = "") -> Registry:
        for kind, text in (("evals", eval_text), ("modelgraded", rubric)):
            folder = tmp_path / "reg" / kind
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "cities.yaml").write_text(text.replace("SAMPLES", str(samples)))
        return load_registry([tmp_path / "reg"], data=[tmp_path])

    return made


def written(folder: Path, spec: EvalSpec, *outcomes: Outcome, judge: Route | None = None) -> Path:
    """A run folder that holds these outcomes."""
    study = Study("run", "m", (Experiment("run", (spec.name,)),), judge=judge)
    plan = Plan(study, (spec,), files={str(spec.samples): file_hash(spec.samples)})
    run = RunFolder(folder)
    manifests.write(Manifest(plan, "harness run", "0"), run.manifest)
    with Journal.open(run.journal, plan.hash) as journal:
        for outcome in outcomes:
            journal.append(outcome)
    return folder


def outcome(number: int, text: str, value: float, *said: str) -> Outcome:
    judged = tuple(map(Completion, said))
    scores = {"accuracy": Score(value, judged=judged)}
    return Outcome(NAME, "m", f"cities.test.{number}", 0, f"k{number}", Completion(text), scores)


FAILED = Outcome(NAME, "m", "cities.test.2", 0, "k2", failure=Failure("unreachable", "gone"))


def marks(folder: Path) -> list[float | None]:
    scores = (next(iter(o.scores.values()), Score(None)) for o in latest(folder / "journal.jsonl"))
    return [score.value for score in scores]


def test_another_option_gives_other_marks_and_the_old_ones_stay(
    tmp_path: Path, registered: Registered
) -> None:
    strict = registered(MATCH.replace("IGNORE", "false")).eval(NAME)
    run = written(tmp_path / "run", strict, outcome(0, "oslo", 0.0), outcome(1, "Oslo", 1.0))
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    lenient = registered(MATCH.replace("IGNORE", "true"))
    found = regrade(Regrading(run, tmp_path / "new", "harness regrade"), lenient)
    assert marks(tmp_path / "new") == [1.0, 1.0]
    assert (found.marked, found.changed) == ({NAME: 2}, {NAME: 1})
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    assert RunFolder(tmp_path / "new").read().plan.evals[0].args == {"ignore_case": True}


def test_what_people_said_of_the_answers_comes_along(
    tmp_path: Path, registered: Registered
) -> None:
    registry = registered(MATCH.replace("IGNORE", "true"))
    run = written(tmp_path / "run", registry.eval(NAME), outcome(0, "oslo", 0.0))
    one = outcome(0, "oslo", 0.0)
    place = (NAME, "m", one.sample_id, 0, one.request_key, answer_hash(one))
    review = Review(*place, "right", "ana", "2026-01-01")
    add_review(RunFolder(run), review)
    new = RunFolder(tmp_path / "new")
    regrade(Regrading(run, new.path, "harness regrade"), registry)
    assert read_reviews(new) == (review,)
    add_review(new, replace(review, opinion="wrong"))
    regrade(Regrading(run, new.path, "harness regrade"), registry)
    assert [one.opinion for one in read_reviews(new)] == ["wrong"]


def test_a_sample_that_failed_stays_failed(tmp_path: Path, registered: Registered) -> None:
    registry = registered(MATCH.replace("IGNORE", "false"))
    run = written(tmp_path / "run", registry.eval(NAME), outcome(0, "Oslo", 1.0), FAILED)
    found = regrade(Regrading(run, tmp_path / "new", "harness regrade"), registry)
    assert found.marked == {NAME: 1}
    assert list(latest(tmp_path / "new" / "journal.jsonl"))[1] == FAILED


def test_what_a_judge_said_is_read_anew_and_not_asked_anew(
    tmp_path: Path, registered: Registered
) -> None:
    spec = registered(RUBRIC, POLITE.replace("SCORES", '{"Yes": 1, "No": 0}')).eval(NAME)
    judge = Route("judge", "judge")
    answered = (outcome(0, "please", 1.0, "Yes"), outcome(1, "now", 0.0, "No"))
    run = written(tmp_path / "run", spec, *answered, outcome(2, "hm", 0.0), judge=judge)
    other = registered(RUBRIC, POLITE.replace("SCORES", '{"Yes": 0.5, "No": 0.25}'))
    regrade(Regrading(run, tmp_path / "new", "harness regrade"), other)
    assert marks(tmp_path / "new") == [0.5, 0.25, None]
    *_, unjudged = latest(tmp_path / "new" / "journal.jsonl")
    assert "holds no judgement" in str(unjudged.scores["accuracy"].reason)


def test_an_eval_that_no_registry_holds_is_marked_as_it_was(
    tmp_path: Path, registered: Registered
) -> None:
    spec = registered(MATCH.replace("IGNORE", "false")).eval(NAME)
    run = written(tmp_path / "run", spec, outcome(0, "Oslo", 0.0))
    found = regrade(Regrading(run, tmp_path / "new", "harness regrade"), registered(""))
    assert marks(tmp_path / "new") == [1.0]
    assert found.notes == (f"{NAME} is in no registry any more: marked as it was",)


def test_code_marks_only_where_it_is_allowed(tmp_path: Path, registered: Registered) -> None:
    registry = registered(MATCH.replace("IGNORE", "false"))
    source = "def grade(sample, item):\n    return 1.0\n"
    spec = replace(
        registry.eval(NAME), name="own.test.v1", grader="python", args={"source": source}
    )
    run = written(tmp_path / "run", spec)
    with pytest.raises(RegistryError, match="--allow-code python"):
        regrade(Regrading(run, tmp_path / "new", "harness regrade"), registry)
    assert not (tmp_path / "new").exists()


def test_what_cannot_be_marked_is_said(
    tmp_path: Path, registered: Registered, samples: Path
) -> None:
    registry = registered(MATCH.replace("IGNORE", "false"))
    run = written(tmp_path / "run", registry.eval(NAME), outcome(0, "Oslo", 1.0))
    order = Regrading(run, tmp_path / "new", "harness regrade")
    with pytest.raises(UsageError, match=f"no eval of the run is called towns.*{NAME}"):
        regrade(replace(order, patterns=("towns",)), registry)
    with pytest.raises(UsageError, match="names the run itself"):
        regrade(replace(order, out=run), registry)
    with pytest.raises(RunFolderError, match="no such run folder"):
        regrade(replace(order, run=tmp_path / "nothing"), registry)
    samples.write_text(samples.read_text() + "\n{}")
    with pytest.raises(RunFolderError, match="has changed since"):
        regrade(order, registry)


def test_the_command_writes_a_whole_run_folder(tmp_path: Path, registered: Registered) -> None:
    registry = registered(MATCH.replace("IGNORE", "false"))
    run = written(tmp_path / "run", registry.eval(NAME), outcome(0, "Oslo", 0.0))
    words = ["regrade", str(run), "--registry", str(tmp_path / "reg"), "--data", str(tmp_path)]
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 0, shown.output
    assert f"{NAME}: 1 answer marked anew, 1 with another mark" in shown.output
    new = tmp_path / "run-regraded"
    assert {"study.yaml", "journal.jsonl", "report.html", "report.json", "logs"} <= {
        path.name for path in new.iterdir()
    }


def test_a_folder_is_begun_anew_when_asked(tmp_path: Path, registered: Registered) -> None:
    strict = registered(MATCH.replace("IGNORE", "false"))
    run = written(tmp_path / "run", strict.eval(NAME), outcome(0, "oslo", 1.0))
    order = Regrading(run, tmp_path / "new", "harness regrade")
    regrade(order, strict)
    assert marks(tmp_path / "new") == [0.0]
    lenient = registered(MATCH.replace("IGNORE", "true"))
    with pytest.raises(RunFolderError, match="--overwrite"):
        regrade(order, lenient)
    assert marks(tmp_path / "new") == [0.0]
    regrade(replace(order, overwrite=True), lenient)
    assert marks(tmp_path / "new") == [1.0]
