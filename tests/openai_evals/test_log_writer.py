from __future__ import annotations

import importlib
import json
import resource
import signal
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from harness.errors import RunFolderError
from harness.graders import make_grader
from harness.graders.model_graded import ModelGraded
from harness.openai_evals.log_writer import without_secrets, write_log
from harness.openai_evals.logs import read_log, regraded
from harness.records import Completion, Failure, Outcome, Sample, Score, Usage

Lines = list[dict[str, Any]]


def lines_of(path: Path) -> Lines:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


# --- held against the reference ------------------------------------------------------

BASIC = "evals.elsuite.basic"
USAGE = {
    "completion_tokens": 1,
    "prompt_tokens": 1,
    "total_tokens": 2,
    "completion_tokens_details": None,
    "prompt_tokens_details": None,
}
ANSWERS: dict[str, list[tuple[str, list[str]]]] = {
    "match:Match": [("Oslo.", ["Oslo"]), ("no", ["Rome"]), ("7", ["seven", "7"])],
    "includes:Includes": [("In Oslo.", ["Oslo"]), ("no", ["Rome"]), ("7", ["seven", "7"])],
    "fuzzy_match:FuzzyMatch": [
        ("the Oslo!", ["oslo"]),
        ("no", ["Rome"]),
        ("Seven 7", ["seven", "7", "eight"]),
    ],
    "json_match:JsonMatch": [
        ('{"a": 1}', ['{"a": 1}']),
        ("no", ["{}"]),
        ("[1]", ["[2]", "[1]", "[1.0]"]),
    ],
    "json_validator:JsonValidator": [("{}", ["x"]), ("no", ["x"]), ("1", ["x"])],
}


@pytest.fixture(scope="module")
def referenced(
    reference: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """``referenced(module:Class, answers)``: the log that the reference writes of a dummy run."""
    record = importlib.import_module("evals.record")
    base = importlib.import_module("evals.base")
    cli = importlib.import_module("evals.cli.oaieval")
    folder = tmp_path_factory.mktemp("reference")

    def run(kind: str, answers: list[tuple[str, list[str]]]) -> Path:
        module, name = kind.split(":")
        grader = module.rpartition(".")[2]
        eval_name = f"small-{grader}.dev.v0"
        samples = folder / f"{grader}.jsonl"
        samples.write_text(
            "".join(
                json.dumps(
                    {"input": [{"role": "user", "content": f"question {i}"}], "ideal": ideal}
                )
                + "\n"
                for i, (_, ideal) in enumerate(answers)
            )
        )
        said = {f"question {i}": text for i, (text, _) in enumerate(answers)}

        def complete(prompt: Any, **_: Any) -> Any:
            text = said[prompt[-1]["content"]]
            record.record_sampling(prompt=prompt, sampled=[text], model="tiny", usage=USAGE)
            return SimpleNamespace(get_completions=lambda: [text])

        spec = base.EvalSpec(
            cls=f"{BASIC}.{kind}",
            registry_path=folder,
            args={"samples_jsonl": str(samples)},
            key=eval_name,
            group="small",
        )
        config = {
            "completion_fns": ["tiny"],
            "eval_spec": spec,
            "seed": 20220722,
            "max_samples": None,
            "command": "oaieval",
            "initial_settings": {"visible": True},
        }
        run_spec = base.RunSpec(
            completion_fns=["tiny"],
            eval_name=eval_name,
            base_eval=f"small-{grader}",
            split="dev",
            run_config=config,
            created_by="",
        )
        log = folder / f"{grader}.log.jsonl"
        recorder = record.LocalRecorder(str(log), run_spec=run_spec)
        kind_of_eval = getattr(importlib.import_module(f"{BASIC}.{module}"), name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("EVALS_SEQUENTIAL", "1")
            one = kind_of_eval(
                completion_fns=[complete],
                samples_jsonl=str(samples),
                eval_registry_path=folder,
                name=eval_name,
                registry=SimpleNamespace(),
            )
            result = one.run(recorder)
        cli.add_token_usage_to_result(result, recorder)
        recorder.flush_events()
        recorder.record_final_report(result)
        return log

    return run


def keys(value: Any) -> Any:
    """The shape of an object: its keys, all the way down."""
    return {key: keys(item) for key, item in value.items()} if isinstance(value, dict) else None


@pytest.mark.oracle
@pytest.mark.parametrize("kind", ANSWERS)
def test_our_log_is_the_references(
    referenced: Callable[..., Path], small: Any, tmp_path: Path, kind: str
) -> None:
    answers = ANSWERS[kind]
    theirs = lines_of(referenced(kind, answers))
    path = tmp_path / "log.jsonl"
    small(kind.partition(":")[0], answers).write(path)
    ours = lines_of(path)
    assert events_by_sample(ours) == events_by_sample(theirs)
    mine, other = spec_and_report(ours), spec_and_report(theirs)
    assert keys(mine) == keys(other)
    for name, value in other["final_report"]["final_report"].items():
        within = 0.1 if name == "boostrap_std" else 1e-12
        assert mine["final_report"]["final_report"][name] == pytest.approx(value, abs=within)


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_judged_log_has_the_events_and_counts_of_the_references(
    reference: ModuleType, tmp_path: Path, small: Any
) -> None:
    answers = [("Knock knock", "Reasons.\nYes"), ("Hm", "No"), ("Ha", "I cannot say")]
    theirs = judged_by_the_reference(answers, tmp_path)
    path = tmp_path / "ours.jsonl"
    judged_run(small, answers).write(path)
    ours = lines_of(path)
    assert events_by_sample(ours) == events_by_sample(theirs)
    mine, other = spec_and_report(ours), spec_and_report(theirs)
    assert mine["final_report"]["final_report"] == other["final_report"]["final_report"]
    log = read_log(path)
    assert (log.model, log.final_report) == ("tiny", regraded(log))


RUBRIC = "Is it funny? {completion}"


def judged_run(small: Any, answers: list[tuple[str, str]]) -> Any:
    args = {
        "prompt": [{"role": "user", "content": RUBRIC}],
        "choice_strings": ["Yes", "No"],
        "input_outputs": {"input": "completion"},
        "choice_scores": {"Yes": 1.0, "No": 0.0},
    }
    run = small("match", [(text, ["x"]) for text, _ in answers])
    spec = replace(run.spec, grader="model_graded", args=args)
    grader = make_grader(spec)
    assert isinstance(grader, ModelGraded)
    samples = tuple(
        replace(sample, metadata={"input": list(sample.messages)}) for sample in run.samples
    )
    outcomes = []
    for sample, one, (_, judged) in zip(samples, run.outcomes, answers, strict=True):
        said = Completion(judged, usage=Usage(1, 1))
        score = grader.read(sample, one.completion, said)
        outcomes.append(replace(one, scores={"accuracy": score}))
    return replace(run, spec=spec, samples=samples, outcomes=tuple(outcomes), judge="judge")


def judged_by_the_reference(answers: list[tuple[str, str]], folder: Path) -> Lines:
    """The log that the reference writes of the same answers and judgements."""
    record = importlib.import_module("evals.record")
    base = importlib.import_module("evals.base")
    cli = importlib.import_module("evals.cli.oaieval")
    classify = importlib.import_module("evals.elsuite.modelgraded.classify")
    rubric = importlib.import_module("evals.elsuite.modelgraded.base").ModelGradedSpec(
        prompt=[{"role": "user", "content": RUBRIC}],
        choice_strings=["Yes", "No"],
        input_outputs={"input": "completion"},
        choice_scores={"Yes": 1.0, "No": 0.0},
        eval_type="cot_classify",
    )
    said = {f"question {i}": text for i, (text, _) in enumerate(answers)}
    judged = {RUBRIC.format(completion=text): verdict for text, verdict in answers}
    samples = folder / "judged.jsonl"
    asked = ({"input": [{"role": "user", "content": prompt}]} for prompt in said)
    samples.write_text("".join(json.dumps(line) + "\n" for line in asked))

    def speaker(name: str, texts: dict[str, str]) -> Callable[..., Any]:
        def complete(prompt: Any, **_: Any) -> Any:
            text = texts[prompt[-1]["content"]]
            record.record_sampling(prompt=prompt, sampled=[text], model=name, usage=USAGE)
            return SimpleNamespace(get_completions=lambda: [text])

        return complete

    run_spec = base.RunSpec(
        completion_fns=["tiny", "judge"],
        eval_name="small-match.dev.v0",
        base_eval="small-match",
        split="dev",
        run_config={},
        created_by="",
    )
    recorder = record.LocalRecorder(str(folder / "theirs.jsonl"), run_spec=run_spec)
    one = classify.ModelBasedClassify(
        completion_fns=[speaker("tiny", said), speaker("judge", judged)],
        modelgraded_spec="funny",
        samples_jsonl=str(samples),
        eval_registry_path=folder,
        name="small-match.dev.v0",
        registry=SimpleNamespace(get_modelgraded_spec=lambda _: rubric),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVALS_SEQUENTIAL", "1")
        result = one.run(recorder)
    cli.add_token_usage_to_result(result, recorder)
    recorder.flush_events()
    recorder.record_final_report(result)
    return lines_of(folder / "theirs.jsonl")


def events_by_sample(lines: Lines) -> dict[str, list[Any]]:
    """Each sample's events in their order, with their keys and data."""
    found: dict[str, list[Any]] = {}
    for line in sorted((one for one in lines if "type" in one), key=lambda one: one["event_id"]):
        found.setdefault(line["sample_id"], []).append((sorted(line), line["type"], line["data"]))
    return found


def spec_and_report(lines: Lines) -> dict[str, Any]:
    return {name: line for line in lines for name in ("spec", "final_report") if name in line}


@pytest.mark.parametrize("kind", ANSWERS)
def test_events_have_the_keys_of_golden_logs(
    golden: Path, small: Any, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "log.jsonl"
    small(kind.partition(":")[0], ANSWERS[kind]).write(path)
    shapes = shapes_of(path)
    for log in golden.glob("*.jsonl"):
        if kind in log.read_text():
            assert shapes == shapes_of(log)


def shapes_of(path: Path) -> dict[str, Any]:
    return {line.get("type") or next(iter(line)): keys(line) for line in lines_of(path)}


# --- what a run can hold -------------------------------------------------------------


def test_a_failed_sample_is_an_error_event_and_counts_nowhere(tmp_path: Path, matches: Any) -> None:
    lost = replace(
        matches.outcomes[0], completion=None, scores={}, failure=Failure("quota", "no credit")
    )
    run = replace(matches, outcomes=(lost, *matches.outcomes[1:]))
    report = run.write(tmp_path / "log.jsonl")
    assert report["accuracy"] == 0.5
    (error,) = (one for one in lines_of(tmp_path / "log.jsonl") if one.get("type") == "error")
    assert error["data"] == {"type": "quota", "message": "no credit"}


def test_a_judged_answer_has_the_models_words_the_judges_and_the_choice(
    tmp_path: Path, small: Any
) -> None:
    args = {
        "prompt": [{"role": "user", "content": "Is it funny? {completion}"}],
        "choice_strings": ["Yes", "No"],
        "input_outputs": {"input": "completion"},
        "choice_scores": {"Yes": 1.0, "No": 0.0},
    }
    run = small("match", [("Knock knock", ["x"])])
    spec = replace(run.spec, grader="model_graded", args=args)
    said = Completion("I laughed.\nYes", usage=Usage(9, 3))
    score = Score(1.0, "Yes", details={"choice/Yes": 1.0}, judged=(said,))
    (sample,) = run.samples
    asked = replace(sample, metadata={"input": "Tell a joke"})
    outcome = replace(run.outcomes[0], scores={"accuracy": score})
    path = tmp_path / "log.jsonl"
    judged = replace(run, spec=spec, samples=(asked,), outcomes=(outcome,), judge="gpt-4")
    report = judged.write(path)
    events = [line for line in lines_of(path) if "type" in line]
    assert [line["type"] for line in events] == ["sampling", "sampling", "metrics"]
    assert events[1]["data"]["model"] == "gpt-4"
    assert events[1]["data"]["prompt"][0]["content"] == "Is it funny? Knock knock"
    assert events[2]["data"] == {"choice": "Yes", "score": 1.0}
    assert (report["counts/Yes"], report["score"], report["usage_prompt_tokens"]) == (1, 1.0, 10)
    log = read_log(path)
    assert log.model == "tiny"
    assert regraded(log) == report


def test_drafts_that_are_judged_together_are_sampled_one_by_one(tmp_path: Path, small: Any) -> None:
    run = judged_run(small, [("one\n\ntwo", "Yes")])
    template = "{i}: {output}\n"
    args = {**run.spec.args, "n": 2, "output_template": template}
    spec = replace(run.spec, args=args, layout="fields", inputs={"input": "completion"}, drafts=2)
    parts = tuple(Completion(text, usage=Usage(1, 1)) for text in ("one", "two"))
    (one,) = run.outcomes
    both = replace(one, completion=Completion("one\n\ntwo", usage=Usage(2, 2), parts=parts))
    path = tmp_path / "log.jsonl"
    report = replace(run, spec=spec, outcomes=(both,)).write(path)
    sampled = [line["data"] for line in lines_of(path) if line.get("type") == "sampling"]
    assert [data["sampled"] for data in sampled] == [["one"], ["two"], ["Yes"]]
    assert sampled[0]["prompt"] == [{"role": "user", "content": "question 0"}]
    assert sampled[2]["prompt"][0]["content"] == "Is it funny? 1: one\n2: two"
    log = read_log(path)
    assert log.outcomes[0].completion is not None
    assert log.outcomes[0].completion.parts == parts
    assert regraded(log) == report


def test_models_that_are_judged_against_each_other_are_named_one_by_one(
    tmp_path: Path, small: Any
) -> None:
    run = judged_run(small, [("Ha", "Yes")])
    contest = replace(run, spec=replace(run.spec, layout="fields"), model="a,b")
    assert contest.head().completion_fns == ["a", "b", "judge"]
    contest.write(tmp_path / "log.jsonl")
    assert read_log(tmp_path / "log.jsonl").model == "a,b"


def test_keys_do_not_reach_a_log() -> None:
    typed = (
        "harness run e -m m --header 'X-Api: Bearer abc123' --header Auth:tok3n "
        "--completion_args api_key=hunter2,n=1 --x sk-proj-abcdefghij --out there"
    )
    shown = without_secrets(typed)
    for secret in ("abc123", "tok3n", "hunter2", "abcdefghij"):
        assert secret not in shown
    assert shown.endswith("--out there")
    assert "n=1" in shown


def test_the_time_and_the_run_decide_the_id(tmp_path: Path, matches: Any) -> None:
    assert matches.head().run_id == matches.head().run_id
    assert matches.head().run_id.startswith("261122224506")
    assert matches.head(command="another").run_id != matches.head().run_id


# --- files ---------------------------------------------------------------------------


def test_a_log_appears_whole_or_not_at_all(tmp_path: Path, matches: Any) -> None:
    def breaks_off() -> Iterator[Outcome]:
        yield matches.outcomes[0]
        raise RunFolderError("journal broken")

    path = tmp_path / "logs" / "log.jsonl"
    matches.write(path)
    before = path.read_bytes()
    with pytest.raises(RunFolderError, match="journal broken"):
        write_log(path, matches.head(), matches.samples, breaks_off())
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == ["log.jsonl"]


def test_a_full_disk_is_one_clear_line(tmp_path: Path, small: Any) -> None:
    run = small("match", [("x" * 1000, ["y"]) for _ in range(200)])
    path = tmp_path / "log.jsonl"
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
    try:
        with pytest.raises(
            RunFolderError, match=r"log.jsonl: the log cannot be written .*make room"
        ):
            run.write(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, ignored)
    assert not list(tmp_path.iterdir())


def test_an_answer_to_no_sample_is_refused(tmp_path: Path, matches: Any) -> None:
    with pytest.raises(RunFolderError, match=r"small-match.dev.0, which samples.jsonl"):
        write_log(tmp_path / "log.jsonl", matches.head(), [], matches.outcomes)


def test_samples_are_held_only_until_they_are_answered(tmp_path: Path, matches: Any) -> None:
    count, text = 5_000, "x" * 2_000
    spec = replace(matches.spec, repeats=2)

    def samples() -> Iterator[Sample]:
        for i in range(count):
            yield Sample(f"s.dev.{i}", ({"role": "user", "content": f"{i} {text}"},), (str(i),))

    def outcomes() -> Iterator[Outcome]:
        for i in range(count):
            for repeat in (1, 0):
                place = i ^ 7 if i ^ 7 < count else i  # a little out of order, as answers come
                said = {"accuracy": Score(1.0, str(place))}
                yield Outcome("s", "tiny", f"s.dev.{place}", repeat, "k", Completion("y"), said)

    tracemalloc.start()
    try:
        write_log(tmp_path / "log.jsonl", replace(matches, spec=spec).head(), samples(), outcomes())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000  # all samples together are 10 million bytes
