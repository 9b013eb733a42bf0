"""Models are called what they are; their own names stay values and titles."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.pipeline.folder.runfolder import RunFolder
from harness.viewer.model_names import model_groups, named
from harness.viewer.runs import Run
from harness.viewer.summaries import About, Summaries
from harness.viewer.tails import Tails
from tests.small_run import BASE, TUNED, made_run

EXAMPLE = Path(__file__).parents[2] / "reports" / "example"
ORDERS = "ft:tiny-base:embedded:orders:bcbc3440"


def about(path: Path) -> About:
    return Summaries(Tails()).about(Run("run", RunFolder(path), "run"))


def test_a_tuned_model_is_called_by_experiment_epochs_and_seed() -> None:
    found = named(about(EXAMPLE), ["tiny-base", f"{ORDERS}:ckpt-step-120", ORDERS])
    assert [one.label for one in found.values()] == [
        "base model tiny-base",
        "orders, after 3 epochs, seed 1",
        "orders, after 5 epochs, seed 1",
    ]
    assert [one.is_to_use for one in found.values()] == [False, True, False]


def test_models_are_grouped_by_experiment_the_base_first() -> None:
    known = about(EXAMPLE)
    groups = model_groups(known, known.told.models if known.told else ())
    assert [group for group, _ in groups] == ["", "orders", "tickets", "slogans"]
    labels = [one.label for _, some in groups for one in some]
    assert len(set(labels)) == len(labels) == 43


def test_what_nothing_is_known_of_keeps_its_name(tmp_path: Path) -> None:
    found = named(about(made_run(tmp_path / "run").path), [BASE, TUNED, "other"])
    assert found[TUNED].label == TUNED
    assert found["other"].label == "other"


@pytest.mark.parametrize("page", ["samples", "samples?view=models", "reviews"])
def test_pages_offer_models_by_what_they_are(viewer, tmp_path: Path, page: str) -> None:
    run = made_run(tmp_path / "run").path
    shutil.copy(EXAMPLE / "report.json", run / "report.json")
    text = viewer(tmp_path).get(f"/runs/run/{page}").text
    while "being indexed" in text or "being read" in text:
        text = viewer(tmp_path).get(f"/runs/run/{page}").text
    assert f'<option value="{BASE}" title="{BASE}"' in text
    assert f"base model {BASE}</option>" in text
