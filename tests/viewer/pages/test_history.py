"""A study over time: every run of it, charts where there are two."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import quote

from tests.small_run import BASE, EVAL, TUNED

STUDY = f"{TUNED} against {BASE}"


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
