"""A viewer over a folder of small runs, asked without a socket."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from harness.viewer.site import application

HOST = "http://127.0.0.1:7575"


@pytest.fixture
def viewer() -> Callable[[Path], TestClient]:
    """Makes a client of the viewer of a folder; it posts as the viewer's own pages do."""

    def client(root: Path) -> TestClient:
        app = application(root, ("127.0.0.1",))
        return TestClient(app, HOST, headers={"origin": HOST}, follow_redirects=False)

    return client
