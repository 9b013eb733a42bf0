"""A loop of rounds on the embedded model: it ends by itself, whatever happens to it meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from harness.errors import RunFolderError, UsageError
from harness.finetuning.jobs import TuningProgress
from harness.models.providers import Access
from harness.pipeline import Order
from harness.pipeline.finished.history import changes, history, rounds_after, training_hashes
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.judging.judgement import change_before
from harness.pipeline.looping.budget import Terms
from harness.pipeline.looping.course import ladder
from harness.pipeline.looping.loop import Looped, first_round, run_loop
from harness.pipeline.looping.next_step import Stop, next_step
from harness.pipeline.looping.report import report_of_loop
from harness.pipeline.orders.tuning import read_tuning
from harness.pipeline.preview import preview
from harness.records import (
    REVERSES,
    Advice,
    Estimate,
    Experiment,
    Finding,
    Price,
    Round,
    Study,
    Tuning,
)
from harness.registry import load_registry
from harness.reports.document import Section
from harness.reports.json import SCHEMA

ROOT = Path(__file__).parents[3]
Start = Callable[..., subprocess.Popen[str]]
YAML = """
small:
  provider: embedded
  base: tiny-base
  training_data: train.jsonl
  evals: [small.test.v1]
  tune: {epochs: [1], seeds: [1], batch_size: 4}
  train_probe: 20
"""
EVAL = """
small.test.v1:
  class: evals.elsuite.basic.match:Match
  args: {samples_jsonl: heldout.jsonl, task: one-answer, temperature: 0, max_tokens: 12}
"""


class Silent:
    """Sees what a loop tells, and counts the jobs."""

    def __init__(self) -> None:
        self.jobs: list[str] = []
        self.rounds: list[Round] = []
        self.plans: list[str] = []

    def tuning(self, label: str, progress: TuningProgress) -> None: ...

    def tuned(self, label: str) -> None:
        self.jobs.append(label)

    def batched(self, progress: object) -> None: ...

    def noticed(self, eval_name: str, finding: Finding) -> None: ...

    def embedding(self, texts: int) -> None: ...

    def evaluating(self, total: int) -> Any:
        from contextlib import nullcontext

        return nullcontext()

    def round_begins(self, number: int, plans: Sequence[str]) -> None:
        self.plans += plans

    def round_ended(self, rows: Sequence[Round]) -> None:
        self.rounds += rows


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loop")
    (folder / "reg" / "evals").mkdir(parents=True)
    (folder / "reg" / "data").mkdir()
    (folder / "reg" / "evals" / "small.yaml").write_text(EVAL)
    (folder / "small.yaml").write_text(YAML)
    for name, target, lines in (
        ("train", folder / "train.jsonl", 100),
        ("heldout", folder / "reg" / "data" / "heldout.jsonl", 40),
    ):
        text = (ROOT / "datasets" / "tickets" / f"{name}.jsonl").read_text()
        target.write_text("".join(text.splitlines(keepends=True)[:lines]))
    return folder


def study_in(place: Path) -> Study:
    return load_registry([place / "reg"]).study(str(place / "small.yaml"))


def loop_in(place: Path, out: str, terms: Terms, **more: Any) -> tuple[Looped, Silent]:
    watch = Silent()
    order = Order(study_in(place), place / out, "harness loop", **more)
    return run_loop(order, terms, load_registry([place / "reg"]), Access(), watch), watch


@pytest.fixture(scope="module")
def whole(place: Path) -> tuple[Looped, Silent]:
    return loop_in(place, "whole", Terms(start=1))


# --- what it does --------------------------------------------------------------------


def test_it_trains_as_advised_until_the_advice_is_to_change_nothing(
    whole: tuple[Looped, Silent],
) -> None:
    ended, watch = whole
    assert watch.rounds[0].epochs == 1
    assert watch.rounds[0].advice.recommend > 0
    assert watch.rounds[1].epochs == 1 + watch.rounds[0].advice.recommend
    assert watch.rounds[-1].advice.recommend == 0
    ((name, stop),) = ended.stops
    assert name == "small"
    assert stop.why in ("keep", "measure", "fix")


def test_every_round_has_a_folder_and_all_stand_in_one_table(
    whole: tuple[Looped, Silent], place: Path
) -> None:
    _, watch = whole
    folders = sorted(path.name for path in (place / "whole").glob("round-*"))
    assert folders == [f"round-{n}" for n in range(1, len(folders) + 1)]
    report = json.loads((place / "whole" / "report.json").read_text())
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(report)
    assert [row["epochs"] for row in report["rounds"]] == [r.epochs for r in watch.rounds]
    assert "## Rounds" in (place / "whole" / "report.md").read_text()
    assert 'id="rounds"' in (place / "whole" / "report.html").read_text()
    assert any(f["rule"] == "why the loop stopped" for f in report["findings"])
    second = json.loads((place / "whole" / "round-2" / "report.json").read_text())
    assert len(second["rounds"]) == 2


def test_a_round_takes_over_what_was_answered_and_judges_all_checkpoints_together(
    whole: tuple[Looped, Silent],
) -> None:
    ended, watch = whole
    epochs = {result.epochs for result in ended.document.sections[0].results}
    assert {0, *(row.epochs for row in watch.rounds)} <= epochs


def test_a_finished_loop_is_read_back_and_nothing_trained(
    whole: tuple[Looped, Silent], place: Path
) -> None:
    again, watch = loop_in(place, "whole", Terms(start=1))
    assert watch.jobs == []
    assert again.document.rounds == whole[0].document.rounds


def test_the_report_of_a_loop_is_written_anew_from_its_rounds(
    whole: tuple[Looped, Silent], place: Path
) -> None:
    told, anew = whole[0].document, report_of_loop(place / "whole")
    assert anew.title == told.title
    assert anew.rounds == told.rounds
    assert [section.eval for section in anew.sections] == [one.eval for one in told.sections]
    assert anew.findings[-1].message == told.findings[-1].message


def test_what_each_round_cost_is_kept_in_a_report_that_is_written_anew(
    place: Path, whole: tuple[Looped, Silent]
) -> None:
    folder = place / "dear"
    shutil.copytree(place / "whole", folder)
    told = json.loads((folder / "report.json").read_text())
    for one in told["rounds"]:
        one["cost_usd"] = 1.5 if one["trained"] else 0.0
    (folder / "report.json").write_text(json.dumps(told))
    anew = report_of_loop(folder)
    trained = {one.folder for one in whole[0].document.rounds if one.trained}
    assert anew.provenance.cost_usd == pytest.approx(1.5 * len(trained))
    assert {one.cost_usd for one in anew.rounds if one.trained} == {1.5}


def test_training_is_part_of_the_cost_of_rounds_that_no_report_tells_of(
    place: Path, whole: tuple[Looped, Silent]
) -> None:
    folder = place / "untold"
    shutil.copytree(place / "whole", folder)
    (folder / "report.json").unlink()
    for path in (folder / "loop.yaml", *folder.glob("round-*/study.yaml")):
        path.write_text(path.read_text().replace("provider: embedded", "provider: openai"))
    free, dear = Price(0, 0, as_of="2026-11"), Price(0, 0, training=1000.0, as_of="2026-11")
    anew = report_of_loop(folder, [{"ft:*": dear, "tiny-base": free}])
    tokens = sum(one.tokens or 0 for one in whole[0].document.rounds)
    assert anew.provenance.cost_usd == pytest.approx(tokens * 1000 / 1e6)


def test_its_first_epochs_may_be_those_of_the_hosted_api(place: Path) -> None:
    (place / "open.yaml").write_text(YAML.replace("epochs: [1]", "epochs: default"))
    from harness.pipeline.looping.loop import first_round

    registry = load_registry([place / "reg"])
    study = registry.study(str(place / "open.yaml"))
    first = first_round(Order(study, place / "x", "c"), Terms(), registry).study.experiments[0]
    assert first.tuning is not None
    assert first.tuning.epochs == (3,)


def test_a_study_of_tuned_models_cannot_be_looped(place: Path) -> None:
    (place / "read.yaml").write_text(
        "read: {base: b, evals: [small.test.v1], tuned: [{model: m, epochs: 1}]}"
    )
    registry = load_registry([place / "reg"])
    order = Order(registry.study(str(place / "read.yaml")), place / "read", "c")
    with pytest.raises(UsageError, match="a loop tunes"):
        run_loop(order, Terms(), registry, Access(), Silent())


# --- its budget ----------------------------------------------------------------------


def test_rounds_are_bounded_and_more_can_be_granted_later(place: Path) -> None:
    ended, watch = loop_in(place, "bounded", Terms(start=1, max_rounds=1))
    assert [stop.why for _, stop in ended.stops] == ["budget"]
    assert "the advice stands" in ended.stops[0][1].text
    more, later = loop_in(place, "bounded", Terms(start=1, max_rounds=3), resume=True)
    assert len(later.jobs) < len(watch.jobs) + len(later.rounds)
    assert later.rounds[0] == watch.rounds[0]
    assert more.stops[0][1].why != "budget"


def test_trained_tokens_are_bounded(place: Path) -> None:
    ended, watch = loop_in(place, "tokens", Terms(start=1, max_tokens=9_000))
    assert len(watch.jobs) == 1
    assert "of --max-tokens" in ended.stops[0][1].text


def test_what_a_first_round_trains_is_foreseen_to_the_token(place: Path) -> None:
    _, watch = loop_in(place, "exactly", Terms(start=2, max_rounds=1))
    trained = watch.rounds[0].tokens
    assert trained is not None
    with pytest.raises(UsageError, match=f"trains about {trained:,} tokens"):
        loop_in(place, "less", Terms(start=2, max_rounds=1, max_tokens=trained - 1))
    loop_in(place, "exactly", Terms(start=2, max_rounds=1, max_tokens=trained), resume=True)
    registry = load_registry([place / "reg"])
    order = Order(registry.study(str(place / "small.yaml")), place / "foreseen", "c")
    order = first_round(order, Terms(start=2), registry)
    foreseen = preview(order, registry, Access(), lambda name, finding: None)
    assert foreseen.training is not None
    assert foreseen.training.tokens == trained


def test_a_first_round_beyond_the_budget_is_refused_before_anything_is_trained(
    place: Path,
) -> None:
    with pytest.raises(UsageError, match="the first round alone"):
        loop_in(place, "none", Terms(start=3, max_tokens=100))
    assert not (place / "none").exists()


def test_rounds_that_cost_nothing_fit_a_budget_of_nothing(place: Path) -> None:
    ended, watch = loop_in(place, "free", Terms(start=1, max_rounds=2, max_cost=0.0))
    assert len(watch.jobs) == 2
    assert ended.document.provenance.cost_usd == 0


# --- whatever happens to it ----------------------------------------------------------


def started(place: Path, out: str, *words: str) -> subprocess.Popen[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("OPENAI_")}
    command = ["loop", "small.yaml", "--registry", "reg", "--epochs", "1", "--out", out, *words]
    return subprocess.Popen(
        [sys.executable, "-m", "harness", *command],
        cwd=place,
        env={**env, "HOME": str(place), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path, lines: int, process: subprocess.Popen[str]) -> None:
    for _ in range(2400):
        if path.exists() and path.read_bytes().count(b"\n") > lines:
            return
        if process.poll() is not None:
            raise AssertionError(f"it ended before: {process.stderr and process.stderr.read()}")
        time.sleep(0.02)
    raise AssertionError(f"{path}: nothing came")


def numbers(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return {key: report[key] for key in ("evals", "advice", "rounds")}


@pytest.mark.parametrize(
    ("number", "end"),
    [pytest.param(1, signal.SIGKILL, marks=pytest.mark.long), (2, signal.SIGINT)],
)
def test_a_loop_that_is_stopped_in_a_round_goes_on_there(
    place: Path, whole: tuple[Looped, Silent], number: int, end: signal.Signals
) -> None:
    out = f"stopped-{number}-{end.name}"
    process = started(place, out)
    folder = place / out / f"round-{number}"
    adopted = 0 if number == 1 else 120
    wait_for(folder / "journal.jsonl", adopted + 40, process)
    process.send_signal(end)
    _, err = process.communicate(timeout=60)
    assert not RunFolder(folder).complete()
    if end == signal.SIGINT:
        assert process.returncode == 130
        assert "--resume" in err
    jobs = read_tuning(folder / "tuning.jsonl")
    assert jobs
    again = started(place, out, "--resume")
    stdout, err = again.communicate(timeout=120)
    assert again.returncode == 0, err
    assert err.count("tuned small, seed 1") == len(whole[0].document.rounds) - number
    assert read_tuning(folder / "tuning.jsonl") == jobs
    assert numbers(place / out) == numbers(place / "whole")
    assert "Stopped" in stdout


def test_a_loop_that_is_stopped_while_it_tunes_says_how_to_go_on(place: Path) -> None:
    process = started(place, "terminated", "--epochs", "25")
    wait_for(place / "terminated" / "round-1" / "data" / "small.valid.jsonl", 0, process)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in err
    assert "Traceback" not in err
    assert not RunFolder(place / "terminated" / "round-1").tuning.exists()


def test_a_loop_is_not_removed_and_resumed_at_once(
    place: Path, whole: tuple[Looped, Silent]
) -> None:
    before = sorted((place / "whole").rglob("*"))
    with pytest.raises(UsageError, match="not both"):
        loop_in(place, "whole", Terms(start=1), resume=True, overwrite=True)
    assert sorted((place / "whole").rglob("*")) == before


def test_a_run_is_not_overwritten_by_a_loop(place: Path, whole: tuple[Looped, Silent]) -> None:
    folder = place / "whole" / "round-1"
    with pytest.raises(RunFolderError, match="holds a run, no loop"):
        loop_in(place, "whole/round-1", Terms(start=1), overwrite=True)
    assert RunFolder(folder).complete()


def test_an_unfinished_loop_is_not_begun_again_unasked(place: Path) -> None:
    with pytest.raises(RunFolderError, match="--resume"):
        loop_in(place, "nothing", Terms(start=1), resume=True)
    loop_in(place, "again", Terms(start=1, max_rounds=1))
    (place / "again" / "report.json").unlink()
    with pytest.raises(RunFolderError, match="unfinished; go on with --resume"):
        loop_in(place, "again", Terms(start=1, max_rounds=1))
    with pytest.raises(RunFolderError, match="another loop"):
        loop_in(place, "again", Terms(start=2), resume=True)


# --- what comes next -----------------------------------------------------------------


def advice(recommend: int, rule: int, **more: Any) -> Advice:
    known: dict[str, Any] = {"epochs": 3, "action": "do it", "checkpoint": None, **more}
    return Advice(
        eval=known.pop("eval", "e"),
        model="m3",
        recommend=recommend,
        rule=rule,
        diagnosis="so it is",
        confidence="high",
        evidence=(),
        would_change="",
        **known,
    )


def section(*states: Advice) -> Section:
    return Section("e", "one-answer", "", "accuracy", "base", advice=states)


def why(step: int | Stop) -> str:
    assert isinstance(step, Stop)
    return step.why


def test_a_change_is_followed() -> None:
    assert next_step([advice(2, 5)], 0, [section()]) == 2


def test_of_two_evals_the_smaller_step_is_taken() -> None:
    assert next_step([advice(2, 5), advice(1, 17)], 0, [section()]) == 1


def test_evals_that_pull_in_opposite_directions_stop_it() -> None:
    assert why(next_step([advice(2, 5), advice(-1, 7)], 0, [section()])) == "disagreement"


def test_something_to_fix_stops_it_whatever_another_eval_advises() -> None:
    assert why(next_step([advice(2, 5), advice(0, 4)], 0, [section()])) == "fix"


def test_advice_that_would_take_back_the_change_before_stops_it() -> None:
    assert why(next_step([advice(-1, 14)], 2, [section()])) == "reversal"
    assert why(next_step([advice(0, 10, action=REVERSES)], 2, [section()])) == "reversal"


def test_an_earlier_checkpoint_is_used_before_anything_is_trained_again() -> None:
    one = advice(-1, 7, checkpoint="m2", checkpoint_epoch=2)
    earlier = replace(one, epochs=2, recommend=0, rule=22)
    step = next_step([one], 0, [section(earlier, one)])
    assert isinstance(step, Stop)
    assert (step.why, step.model, step.epochs) == ("checkpoint", "m2", 2)


def test_no_checkpoint_is_used_where_the_base_model_does_better() -> None:
    behind = Estimate(-0.2, -0.3, -0.1, 100, "paired-t")
    one = advice(-1, 7, checkpoint="m2", checkpoint_epoch=2, behind_base=behind)
    earlier = replace(one, epochs=2, recommend=0, rule=22)
    assert next_step([one], 0, [section(earlier, one)]) == -1
    step = next_step([replace(one, recommend=0, rule=19)], 0, [section(one)])
    assert isinstance(step, Stop)
    assert (step.why, step.model, step.epochs) == ("keep", None, None)
    assert step.text.endswith("; the base model does better than every checkpoint")


def test_an_earlier_checkpoint_with_too_many_epochs_of_its_own_is_not_used() -> None:
    one = advice(-2, 10, checkpoint="m2", checkpoint_epoch=2)
    assert next_step([one], 0, [section(replace(one, epochs=2, recommend=-1), one)]) == -2


def test_the_checkpoints_on_the_way_show_the_trend_and_where_a_peak_may_be() -> None:
    assert ladder(1) == ()
    assert ladder(3) == (1, 2)
    assert ladder(12) == (1, 3, 6, 10, 11)


# --- what a study knows of earlier rounds --------------------------------------------


def earlier_round(epochs: float, recommend: int) -> Round:
    return Round(1, "small", "small.test.v1", epochs, advice(recommend, 5))


def test_a_change_that_was_followed_is_known_as_the_one_before() -> None:
    rounds = (earlier_round(3, 1),)
    assert change_before(rounds, 4) == 1
    assert change_before(rounds, 3) == 0
    assert change_before(rounds, 2) == 0
    assert change_before((), 4) == 0


def test_a_study_after_another_knows_its_rounds(place: Path, whole: tuple[Looped, Silent]) -> None:
    rounds, notices = history(
        place / "whole" / "round-1", study_in(place), training_hashes(study_in(place))
    )
    assert [one.epochs for one in rounds] == [1]
    assert notices == []
    assert len(rounds_after(place / "whole")) == len(whole[0].document.rounds)


def test_another_batch_size_or_training_file_begins_a_new_history(place: Path) -> None:
    study = study_in(place)
    other = replace(
        study.experiments[0], tuning=Tuning((1,), batch_size=8), settings={"rank": 16.0}
    )
    assert changes(study.experiments[0], other, {}, {}) == [
        "batch size was 4, is 8",
        "rank was unset, is 16.0",
    ]
    changed = replace(study, experiments=(other,))
    rounds, notices = history(place / "whole" / "round-1", changed, training_hashes(changed))
    assert rounds == ()
    assert "batch size was 4, is 8" in notices[0][1].message
    key = next(iter(training_hashes(study)))
    first = study.experiments[0]
    assert changes(first, first, {key: "a"}, {key: "b"}) == ["the training data have changed"]


def test_history_of_another_study_is_refused(place: Path, whole: tuple[Looped, Silent]) -> None:
    stranger = Study("s", "b", (Experiment("other", ("e",)),))
    with pytest.raises(RunFolderError, match="holds no round of other"):
        history(place / "whole", stranger, {})
    with pytest.raises(RunFolderError, match="no finished run"):
        rounds_after(place)
