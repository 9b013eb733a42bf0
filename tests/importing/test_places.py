"""What lies at a place: whose it is, and which runs are in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.errors import DatasetError
from harness.importing import foreign_runs, kind_of

EXAMPLE = Path(__file__).parents[2] / "docs" / "import-example"


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("inspect/base", "inspect"),
        ("inspect/base/sums.eval", "inspect"),
        ("inspect/base/sums_choice.json", "inspect"),
        ("lm-eval", "lm-eval"),
        ("lm-eval/tuned", "lm-eval"),
        ("nowhere", None),
    ],
)
def test_a_place_is_known_by_what_lies_there(place: str, kind: str | None) -> None:
    assert kind_of(EXAMPLE / place) == kind


def test_other_files_are_nobodys(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"model": "m"}')
    (tmp_path / "b.jsonl").write_text("{}\n")
    assert kind_of(tmp_path) is None
    with pytest.raises(DatasetError, match="holds no log of Inspect"):
        foreign_runs(tmp_path, "inspect")


def test_a_folders_runs_are_all_read() -> None:
    names = [run.spec.name for run in foreign_runs(EXAMPLE / "inspect" / "base")]
    assert sorted(names) == ["sums.includes", "sums.match", "sums_choice.choice"]


def test_of_two_runs_of_one_eval_the_newer_counts_and_that_is_told(tmp_path: Path) -> None:
    folder = shutil.copytree(EXAMPLE / "lm-eval" / "tuned", tmp_path / "out")
    for path in list(folder.iterdir()):
        shutil.copy(path, folder / path.name.replace("2026-11-23", "2026-11-24"))
    runs = foreign_runs(folder)
    assert {run.made[:10] for run in runs} == {"2026-11-24"}
    assert "1 older run of sums.exact_match.strict-match left out" in runs[0].notes


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "sums.eval").symlink_to(EXAMPLE / "inspect" / "base" / "sums.eval")
    assert kind_of(folder) is None
