"""A registry folder that a test fills."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.registry import Registry

Write = Callable[..., Registry]
MATCH = "evals.elsuite.basic.match:Match"
SAMPLE = '{"input": "1 + 1 =", "ideal": "2"}\n'


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """``write(evals="yaml text", studies=...)`` makes a registry with ``data/s.jsonl``."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "registry"
    (root / "data").mkdir(parents=True)
    (root / "data" / "s.jsonl").write_text(SAMPLE)

    def make(**texts: str) -> Registry:
        for kind, text in texts.items():
            (root / kind).mkdir(exist_ok=True)
            (root / kind / "file.yaml").write_text(text)
        return Registry([root])

    return make
