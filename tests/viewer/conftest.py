"""A viewer over a folder of small runs, asked without a socket."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from harness.pipeline import report_of, write_reports
from harness.viewer.site import application
from tests.small_run import made_run

HOST = "http://127.0.0.1:7575"


@pytest.fixture
def viewer(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], TestClient]:
    """Makes a client of the viewer of a folder; it posts as the viewer's own pages do."""

    def client(root: Path) -> TestClient:
        app = application(root, ("127.0.0.1",), cache=tmp_path_factory.mktemp("indexes"))
        return TestClient(app, HOST, headers={"origin": HOST}, follow_redirects=False)

    return client


@pytest.fixture(scope="session")
def small_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two finished runs with reports, and one that was interrupted; tests only read them."""
    root = tmp_path_factory.mktemp("runs")
    for day, name in enumerate(("first", "second"), start=1):
        folder = made_run(root / name, 24)
        write_reports(report_of(folder.path), folder.path)
        os.utime(folder.manifest, (day * 86_400, day * 86_400))
    cut = made_run(root / "cut-short", 24)
    lines = cut.journal.read_bytes().splitlines(keepends=True)
    cut.journal.write_bytes(b"".join(lines[:41]))
    os.utime(root / "cut-short" / "study.yaml", (0, 0))
    return root
