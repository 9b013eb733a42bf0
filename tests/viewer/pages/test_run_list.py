"""The list of runs: filters, order, states, and what to do where there is none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.pipeline.folder import manifest as manifests
from harness.pipeline.folder.manifest import Manifest, Plan
from harness.records import Experiment, Study
from harness.running.journal import Journal
from tests.small_run import BASE, EVAL, TUNED, made_run


def slugs(html: str) -> list[str]:
    return re.findall(r'name="run" value="([^"]+)"', html)


def test_every_run_is_listed_the_newest_first(viewer, small_runs: Path) -> None:
    answer = viewer(small_runs).get("/")
    assert answer.status_code == 200
    assert slugs(answer.text) == ["second", "first", "cut-short"]
    assert answer.text.count("state-finished") == 2
    assert answer.text.count("state-interrupted") == 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"sort": "oldest"}, ["cut-short", "first", "second"]),
        ({"state": "interrupted"}, ["cut-short"]),
        ({"state": "running"}, []),
        ({"words": "SECOND colours"}, ["second"]),
        ({"words": "second nothing"}, []),
        ({"eval": EVAL, "model": TUNED, "state": "finished"}, ["second", "first"]),
        ({"eval": "other"}, []),
        ({"study": f"{TUNED} against {BASE}"}, ["second", "first", "cut-short"]),
        ({"sort": "nonsense", "page": "x"}, ["second", "first", "cut-short"]),
        ({"page": "99"}, ["second", "first", "cut-short"]),
    ],
)
def test_filters_narrow_the_list(viewer, small_runs: Path, query, found: list[str]) -> None:
    assert slugs(viewer(small_runs).get("/", params=query).text) == found


@pytest.mark.parametrize("sort", ["newest", "oldest", "study", "state", "gain"])
def test_every_order_shows_all(viewer, small_runs: Path, sort: str) -> None:
    assert len(slugs(viewer(small_runs).get("/", params={"sort": sort}).text)) == 3


def test_an_empty_folder_says_what_to_do(viewer, tmp_path: Path) -> None:
    answer = viewer(tmp_path)
    assert "harness demo --out" in answer.get("/").text
    assert str(tmp_path) in answer.get("/").text


def test_the_root_is_named_whole(viewer, small_runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(small_runs)
    text = viewer(Path()).get("/").text
    assert f'3 runs below <bdi class="name">{small_runs}</bdi>' in text


def test_a_folder_in_a_folder_is_named_by_its_path(viewer, tmp_path: Path) -> None:
    (tmp_path / "loop").mkdir()
    made_run(tmp_path / "loop" / "round-3", 12)
    client = viewer(tmp_path)
    pages = ("/", *(f"/runs/loop~round-3{page}" for page in ("", "/samples", "/reviews")))
    for text in (client.get(page).text for page in pages):
        assert '<bdi class="name">loop/round-3</bdi>' in text
        assert ">loop~round-3<" not in text


def test_filters_that_leave_nothing_say_how_to_go_back(viewer, small_runs: Path) -> None:
    assert "No run fits" in viewer(small_runs).get("/?words=nothing").text


def test_a_run_under_way_shows_its_share_and_refreshes(viewer, tmp_path: Path) -> None:
    folder = made_run(tmp_path / "run", 20)
    lines = folder.journal.read_bytes().splitlines(keepends=True)
    folder.journal.write_bytes(b"".join(lines[:11]))
    client = viewer(tmp_path)
    assert "data-refresh" not in client.get("/").text
    with Journal.open(folder.journal, folder.read().hash, resume=True):
        html = client.get("/").text
    assert "state-running" in html
    assert "25%" in html
    assert "data-refresh" in html


def test_a_long_list_has_pages(viewer, tmp_path: Path) -> None:
    study = Study("many", BASE, (Experiment("e", (EVAL,)),))
    for n in range(120):
        manifest = Manifest(Plan(study, ()), "harness run", "0")
        manifests.write(manifest, tmp_path / f"run-{n:03}" / "study.yaml")
    client = viewer(tmp_path)
    found = [slug for n in (1, 2, 3) for slug in slugs(client.get(f"/?page={n}").text)]
    assert sorted(found) == [f"run-{n:03}" for n in range(120)]
    assert 'rel="next"' in client.get("/").text
    assert 'rel="next"' not in client.get("/?page=3").text


def test_names_from_files_are_text(viewer, tmp_path: Path) -> None:
    hostile = '<img src=x onerror="alert(1)">'
    study = Study(hostile, hostile, (Experiment("e", (hostile,)),), description=hostile)
    manifests.write(Manifest(Plan(study, ()), hostile, "0"), tmp_path / "a" / "study.yaml")
    (tmp_path / "<script>alert(1)<").mkdir()
    (tmp_path / "<script>alert(1)<" / "study.yaml").write_text("<b>{")
    client = viewer(tmp_path)
    for path in ("/", "/runs/a", "/runs/a/progress", f"/?study={hostile}", "/compare?a=a"):
        html = client.get(path).text
        assert "<img" not in html
        assert "<script>alert" not in html
        assert "&lt;img" in html
