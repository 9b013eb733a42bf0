"""Runs are found below the root and nowhere else, and known by a slug."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.viewer.runs import DEEPEST, Runs


def run_at(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "study.yaml").touch()
    return path


def slugs(root: Path) -> list[str]:
    return [run.slug for run in Runs(root).all()]


def test_runs_are_found_in_folders_of_folders_but_not_in_runs(tmp_path: Path) -> None:
    run_at(tmp_path / "a")
    run_at(tmp_path / "b" / "c")
    run_at(tmp_path / "a" / "inner")
    run_at(tmp_path / ".hidden" / "d")
    run_at(tmp_path.joinpath(*"x" * (DEEPEST + 1)))
    assert slugs(tmp_path) == ["a", "b~c"]


@pytest.mark.parametrize("name", ["a", "b~c", "a~b", "~", "a~", "ü b", "%2e%2e", "#x?y"])
def test_every_run_is_found_by_its_slug(tmp_path: Path, name: str) -> None:
    run_at(tmp_path / "folder" / name)
    run_at(tmp_path / "other")
    runs = Runs(tmp_path)
    for run in runs.all():
        found = runs.find(run.slug)
        assert found is not None
        assert found.path == run.path


def test_a_name_that_is_no_utf8_has_an_address_all_the_same(tmp_path: Path) -> None:
    try:
        path = run_at(tmp_path / os.fsdecode(b"caf\xe9"))
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    (run,) = Runs(tmp_path).all()
    assert run.slug.encode() == "caf\ufffd".encode()
    found = Runs(tmp_path).find(run.slug)
    assert found is not None
    assert found.path == path


@pytest.mark.parametrize(
    "slug", ["", "..", "../outside", "..~outside", "/", "/etc", "a/b", "folder", "none", "~", "."]
)
def test_no_slug_leads_elsewhere(tmp_path: Path, slug: str) -> None:
    run_at(tmp_path / "outside")
    run_at(tmp_path / "root" / "folder" / "run")
    assert Runs(tmp_path / "root").find(slug) is None


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    run_at(tmp_path / "outside")
    run_at(tmp_path / "root" / "run")
    (tmp_path / "root" / "away").symlink_to(tmp_path / "outside")
    (tmp_path / "root" / "again").symlink_to(tmp_path / "root" / "run")
    (tmp_path / "root" / "round").symlink_to(tmp_path / "root")
    assert slugs(tmp_path / "root") == ["run"]


def test_a_run_folder_is_its_own_root(tmp_path: Path) -> None:
    run_at(tmp_path / "run")
    runs = Runs(tmp_path / "run")
    assert [run.slug for run in runs.all()] == ["run"]
    assert runs.find("run") is not None


def test_a_root_that_is_gone_is_an_error_with_a_repair(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        Runs(tmp_path / "gone").all()
