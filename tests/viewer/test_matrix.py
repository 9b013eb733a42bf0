"""Samples by models: every model's answer to a sample in one row."""

from __future__ import annotations

import re
import time
from html import unescape
from pathlib import Path

from starlette.testclient import TestClient

from harness.running.journal import Journal
from harness.viewer.journal_index import MOST_ROWS, TrackSummary
from harness.viewer.matrix import MOST_MODELS, columns_of
from tests.small_run import BASE, EVAL, TUNED, made_run, outcome

THIRD = "third"


def three_models(root: Path) -> None:
    """A run that a third model answered a part of."""
    folder = made_run(root / "run", 130)
    with Journal.open(folder.journal, folder.read().plan.hash, resume=True) as journal:
        for number in range(10):
            journal.append(outcome(THIRD, number, float(number == 1)))


def asked(client: TestClient, **filters: str) -> str:
    address = "/runs/run/samples"
    while 'id="indexing"' in client.get(address).text:
        time.sleep(0.05)
    given = {"eval": EVAL, "model": TUNED, "other": BASE, "view": "models", **filters}
    return unescape(client.get(address, params=given).text)


def signs(text: str) -> list[list[str]]:
    """The verdicts of each row's cells."""
    rows = text.split("<tbody>")[1].split("<tr ")[1:]
    return [re.findall(r"sign verdict-(\w+)", row) for row in rows]


def test_a_row_holds_every_model_s_verdict_and_short_answer(viewer, tmp_path: Path) -> None:
    three_models(tmp_path)
    text = asked(viewer(tmp_path))
    assert signs(text)[:2] == [["right", "wrong", "wrong"], ["wrong", "right", "right"]]
    assert f"{THIRD} says 1" in text
    assert "not asked" in text.split('id="row-10"')[1]
    assert f"/colours.test.1?model={THIRD}" in text.replace("&", "?")


def test_filters_hold_and_pages_follow_the_index(viewer, tmp_path: Path) -> None:
    three_models(tmp_path)
    client = viewer(tmp_path)
    broken = asked(client, state="broken")
    assert all(row[:2] == ["right", "wrong"] for row in signs(broken))
    assert len(signs(asked(client, words='"colour 12"'))) == 1
    assert len(signs(asked(client, page="3"))) == 30
    link = re.search(r'href="([^"]+)" rel="prev"', asked(client, page="2"))[1]
    assert "view=models" in link


def test_a_sample_leads_back_to_the_models(viewer, tmp_path: Path) -> None:
    three_models(tmp_path)
    client = viewer(tmp_path)
    link = re.search(r'class="cell" href="([^"]+)"', asked(client))[1]
    assert "view=models" in client.get(link).text.split('rel="up"')[1]


def test_chosen_models_stand_in_it_however_many_there_are() -> None:
    tracks = [TrackSummary(EVAL, f"m{n}", 10, 10, 0, 10, 0.5) for n in range(40)]
    columns = columns_of(tracks, {"m39": 2.0}, ("m20", "m39"))
    assert [c.model for c in columns if c.is_chosen] == ["m20", "m39"]
    assert len(columns) == MOST_MODELS
    assert columns[-1].epochs == 2.0


def test_of_a_huge_run_fewer_models_are_held_at_once() -> None:
    size = MOST_ROWS // 4
    tracks = [TrackSummary(EVAL, f"m{n}", size, size, 0, size, 0.5) for n in range(9)]
    assert len(columns_of(tracks, {}, ())) == 3
