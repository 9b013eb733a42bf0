"""How many answers a run owes, by its plan, its data and its tuning jobs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.pipeline.folder.manifest import Manifest
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.orders.tuning import TunedRun, write_tuning
from harness.records import Checkpoint, Doubling, PromptVariant, Tuning
from harness.viewer.expected import expected
from harness.viewer.tails import Tail
from tests.small_run import BASE, EVAL, TUNED, made_run

EXAMPLE = Path(__file__).parents[2] / "reports" / "example"


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return made_run(tmp_path / "run", 20)


def changed(folder: RunFolder, max_samples: int | None = None, **experiment: object) -> Manifest:
    """The run's manifest with another experiment."""
    manifest = folder.read()
    (own,) = manifest.study.experiments
    study = replace(manifest.study, experiments=(replace(own, **experiment),))
    return replace(manifest, plan=replace(manifest.plan, study=study, max_samples=max_samples))


def tuned(seed: int, epochs: tuple[int, ...], part: str = "") -> TunedRun:
    checkpoints = tuple(Checkpoint(f"{part}s{seed}e{e}", e) for e in epochs)
    return TunedRun("colours", seed, max(epochs), f"job{seed}{part}", checkpoints, part=part)


def test_every_model_owes_every_sample(folder: RunFolder) -> None:
    found = expected(folder, folder.read())
    assert found.owed == {(EVAL, BASE): 20, (EVAL, TUNED): 20}
    assert found.total == 40


def test_fewer_samples_are_owed_where_the_run_takes_fewer(folder: RunFolder) -> None:
    assert expected(folder, changed(folder, max_samples=5)).total == 10
    assert expected(folder, changed(folder, max_samples=500)).total == 40


@pytest.mark.skipif(not (EXAMPLE / "journal.jsonl").exists(), reason="make example first")
def test_what_the_example_owes_is_what_it_answered() -> None:
    run = RunFolder(EXAMPLE)
    owed = expected(run, run.read())
    counts = Tail(run.journal).read().counts
    assert {place: one.answered for place, one in counts.items()} == owed.owed


def test_models_that_are_not_tuned_yet_are_counted_without_a_name(folder: RunFolder) -> None:
    manifest = changed(folder, others=(), tuning=Tuning((1, 3), (1, 2)))
    found = expected(folder, manifest)
    assert (found.jobs_left, found.by_others, found.total) == (2, 80, 100)
    write_tuning(folder.tuning, [tuned(1, (1, 2, 3))])
    found = expected(folder, manifest)
    assert set(found.owed) == {(EVAL, BASE), (EVAL, "s1e1"), (EVAL, "s1e3")}
    assert (found.jobs_left, found.total) == (1, 100)


def test_other_prompts_and_parts_of_the_data_owe_held_out_samples(folder: RunFolder) -> None:
    manifest = changed(
        folder,
        others=(),
        prompts=(PromptVariant("plain", system="Answer."),),
        tuning=Tuning((2,), (1,)),
        doubling=Doubling(halves=1, step_matched=False),
    )
    write_tuning(folder.tuning, [tuned(1, (1, 2)), tuned(1, (1, 2), part="half-1")])
    found = expected(folder, manifest)
    assert found.jobs_left == 0
    assert found.owed == {
        (EVAL, BASE): 20,
        (EVAL, "s1e2"): 20,
        (f"{EVAL}@prompt:plain", BASE): 20,
        (EVAL, "half-1s1e2"): 20,
    }


@pytest.mark.parametrize("broken", ["samples", "tuning"])
def test_what_cannot_be_read_leaves_the_total_unknown(folder: RunFolder, broken: str) -> None:
    if broken == "samples":
        folder.path.with_name("run-samples.jsonl").unlink()
    else:
        folder.tuning.write_text("{\n")
    found = expected(folder, folder.read())
    assert found.total is None
    assert found.owed == {}
