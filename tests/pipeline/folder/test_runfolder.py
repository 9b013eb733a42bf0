"""A folder is never mixed up with another run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import RunFolderError
from harness.pipeline.folder.manifest import Manifest, Plan, read
from harness.pipeline.folder.runfolder import open_folder, run_folder
from harness.records import EvalSpec, Experiment, Sampling, Study

SPEC = EvalSpec("open.test.v1", "style", Path("/none"), sampling=Sampling(temperature=0.5))


def manifest(spec: EvalSpec) -> Manifest:
    study = Study("run", "base", (Experiment("run", (spec.name,)),))
    return Manifest(Plan(study, (spec,)), "harness run", "0")


def test_a_run_is_not_resumed_with_another_sampling_and_both_values_are_named(
    tmp_path: Path,
) -> None:
    open_folder(tmp_path / "run", manifest(SPEC))
    hotter = replace(SPEC, sampling=Sampling(temperature=1.0, max_tokens=8))
    with pytest.raises(RunFolderError) as error:
        open_folder(tmp_path / "run", manifest(hotter), resume=True)
    for part in (
        "evals.open.test.v1.sampling.max_tokens unset then, 8 now",
        "evals.open.test.v1.sampling.temperature 0.5 then, 1.0 now",
        "--overwrite",
    ):
        assert part in str(error.value)


def test_the_same_run_is_resumed(tmp_path: Path) -> None:
    open_folder(tmp_path / "run", manifest(SPEC))
    assert open_folder(tmp_path / "run", manifest(SPEC), resume=True).exists()


def test_what_to_name_in_the_place_of_a_folder_that_is_none(tmp_path: Path) -> None:
    def said() -> str:
        with pytest.raises(RunFolderError) as error:
            read(tmp_path / "study.yaml")
        return str(error.value)

    assert "name the folder that a run or a study wrote" in said()
    open_folder(tmp_path / "inside", manifest(SPEC))
    assert "name one of those below it: inside" in said()
    (tmp_path / "report.json").write_text("{}")
    assert "holds a report on others and no answers" in said()


def test_the_rounds_of_a_loop_are_named_in_order_where_one_run_is_meant(tmp_path: Path) -> None:
    for number in range(1, 13):
        open_folder(tmp_path / f"round-{number}", manifest(SPEC))
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(
        RunFolderError, match=r"below it: round-1, round-2, .*, round-10 and 2 more"
    ):
        read(tmp_path / "study.yaml")


def test_going_on_and_beginning_anew_at_once_is_refused(tmp_path: Path) -> None:
    kept = open_folder(tmp_path / "run", manifest(SPEC))
    with pytest.raises(RunFolderError, match="choose one"):
        open_folder(tmp_path / "run", manifest(SPEC), resume=True, overwrite=True)
    assert kept.exists()


def test_a_run_goes_where_it_is_told_or_to_the_first_free_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_folder("here", "demo") == Path("here")
    for expected in ("demo", "demo-1", "demo-2"):
        found = run_folder(None, "demo")
        assert found == Path("reports") / expected
        found.mkdir(parents=True)
