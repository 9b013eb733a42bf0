"""A study over time: every run of it, charts where there are two."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from urllib.parse import quote

from tests.small_run import BASE, EVAL, TUNED

STUDY = f"{TUNED} against {BASE}"

EXAMPLE = Path(__file__).parents[3] / "reports" / "example"
STUDY_OF_EXAMPLE = "demo"


def test_a_study_s_runs_are_shown_over_time(viewer, small_runs: Path) -> None:
    text = viewer(small_runs).get(f"/studies/{quote(STUDY)}").text
    assert "3 runs of this study" in text
    assert f"{EVAL}: accuracy" in text
    assert "<svg" in text
    assert text.index("/runs/second") < text.index("/runs/first")
    assert "No report yet" in text


def test_one_run_has_a_table_and_no_chart(viewer, small_runs: Path) -> None:
    text = viewer(small_runs / "first").get(f"/studies/{quote(STUDY)}").text
    assert "Charts need two runs" in text


def test_an_unknown_study_is_not_found(viewer, small_runs: Path) -> None:
    assert viewer(small_runs).get("/studies/a/b%20c").status_code == 404


def test_rounds_of_a_loop_are_told_with_the_report_of_them_all(
    viewer, small_runs: Path, tmp_path: Path
) -> None:
    for number, name in enumerate(("first", "second"), start=1):
        shutil.copytree(small_runs / name, tmp_path / "loop" / f"round-{number}")
    shutil.copy(small_runs / "first" / "report.html", tmp_path / "loop" / "report.html")
    (tmp_path / "loop" / "loop.yaml").write_text("{}")
    client = viewer(tmp_path)
    text = client.get(f"/studies/{quote(STUDY)}").text
    assert "Rounds of a loop" in text
    assert "round 2" in text
    answer = client.get("/runs/loop~round-2/loop-report")
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert "round 1" in client.get("/").text


def test_a_loop_above_the_root_is_not_read(viewer, small_runs: Path, tmp_path: Path) -> None:
    shutil.copytree(small_runs / "first", tmp_path / "loop" / "round-1")
    shutil.copy(small_runs / "first" / "report.html", tmp_path / "loop" / "report.html")
    (tmp_path / "loop" / "loop.yaml").write_text("{}")
    client = viewer(tmp_path / "loop" / "round-1")
    assert client.get("/runs/round-1/loop-report").status_code == 404


def study_at(path: Path, created: int) -> Path:
    """A copy of the example's run as it was made at another time."""
    shutil.copytree(EXAMPLE, path, ignore=shutil.ignore_patterns("journal*", "logs", "data"))
    os.utime(path / "study.yaml", (created, created))
    return path


def test_a_ratio_is_labelled_by_what_it_is_held_against(viewer, tmp_path: Path) -> None:
    for day in (1, 2):
        study_at(tmp_path / f"run-{day}", day * 86_400)
    client = viewer(tmp_path)
    text = client.get(f"/studies/{quote(STUDY_OF_EXAMPLE)}").text
    assert "diversity ratio against the references" in text
    assert "1 is as diverse as the references" in text
    assert "as diverse as the base model" not in text
    for page in (text, client.get("/runs/run-1").text):
        assert 'against <bdi class="name">the references</bdi>' in page


def test_rounds_of_a_loop_and_other_runs_are_lines_of_their_own(viewer, tmp_path: Path) -> None:
    for day in (1, 2):
        study_at(tmp_path / f"alone-{day}", day * 86_400)
        study_at(tmp_path / "loop" / f"round-{day}", (day + 9) * 86_400)
    (tmp_path / "loop" / "loop.yaml").write_text("{}")
    text = viewer(tmp_path).get(f"/studies/{quote(STUDY_OF_EXAMPLE)}").text
    assert "tickets.heldout.v1: accuracy, rounds of loop" in text
    assert "tickets.heldout.v1: accuracy, runs outside of loops" in text
    assert "the newest stands on top" in text
    assert "the first one first" not in text
