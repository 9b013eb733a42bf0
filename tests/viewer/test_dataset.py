"""Samples copied into a file by the viewer's pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.reviewing.collecting import copied_ids
from tests.small_run import BASE, EVAL, TUNED, base_mark, made_run, tuned_mark

Viewer = Callable[[Path], TestClient]
PAGE = "/runs/run/dataset"
WRONG = [n for n in range(40) if tuned_mark(n) == 0]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return made_run(tmp_path / "run")


@pytest.fixture
def client(tmp_path: Path, folder: RunFolder, viewer: Viewer) -> TestClient:
    return viewer(tmp_path)


def asked(**more: str) -> dict[str, str]:
    return {"eval": EVAL, "model": TUNED, "state": "wrong", "as": "chat", **more}


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_page_warns_says_how_many_and_names_the_command(client: TestClient) -> None:
    text = client.get(f"{PAGE}?{urlencode(asked())}").text
    assert f"{len(WRONG)} samples" in text
    assert "held out no longer" in text
    assert f"--eval {EVAL} --model {TUNED} --state wrong --as chat --out more.jsonl" in text


def test_prompts_are_taken_where_nobody_says_otherwise(
    client: TestClient, folder: RunFolder
) -> None:
    unsaid = {key: value for key, value in asked().items() if key != "as"}
    text = client.get(f"{PAGE}?{urlencode(unsaid)}").text
    assert 'value="prompts" checked' in text
    assert "--state wrong --as prompts --out to-write.jsonl" in text
    found = lines(client.post(PAGE, data=unsaid).text)
    assert {tuple(line) for line in found} == {("input",)}
    assert copied_ids(folder, EVAL) == frozenset()


def test_the_command_follows_the_form_without_a_script(client: TestClient) -> None:
    query = urlencode(asked(**{"as": "eval", "part": "0.5"}))
    text = client.get(f"{PAGE}?{query}").text
    assert "--as eval --part 0.5 --out samples.jsonl" in text
    assert 'value="eval" checked' in text
    assert '<option value="0.5" selected>' in text
    assert 'formmethod="get"' in text


def test_opened_bare_it_leads_to_the_samples_to_choose_from(client: TestClient) -> None:
    answered = client.get(PAGE)
    assert answered.status_code == 303
    assert answered.headers["location"] == "/runs/run/samples"


def test_the_download_holds_chats_and_the_ids_are_kept(
    client: TestClient, folder: RunFolder
) -> None:
    answered = client.post(PAGE, data=asked())
    found = lines(answered.text)
    assert len(found) == len(WRONG)
    assert found[1]["messages"][-1] == {"role": "assistant", "content": "red 3"}  # type: ignore[index]
    assert "attachment" in answered.headers["content-disposition"]
    assert copied_ids(folder, EVAL) == {f"colours.test.{n}" for n in WRONG}
    assert f"so far {len(WRONG)} samples" in client.get(f"{PAGE}?{urlencode(asked())}").text


def test_flips_are_taken_against_the_other_model(client: TestClient) -> None:
    found = lines(client.post(PAGE, data=asked(state="broken", other=BASE)).text)
    broken = [n for n in range(40) if base_mark(n) == 1 and tuned_mark(n) == 0]
    assert len(found) == len(broken)


def test_samples_picked_by_hand_are_taken_alone(client: TestClient) -> None:
    data = {**asked(), "id": ["colours.test.1", "colours.test.2"]}
    assert len(lines(client.post(PAGE, data=data).text)) == 2
    query = urlencode([*asked().items(), ("id", "colours.test.1")])
    assert "picked by hand" in client.get(f"{PAGE}?{query}").text


def test_prompts_only_leave_the_held_out_set_as_it_is(
    client: TestClient, folder: RunFolder
) -> None:
    found = lines(client.post(PAGE, data=asked(**{"as": "prompts"})).text)
    assert {tuple(line) for line in found} == {("input",)}
    assert copied_ids(folder, EVAL) == frozenset()


def test_a_part_and_what_stays_held_out_make_the_whole(client: TestClient) -> None:
    data = asked(part="0.5")
    taken = {line["messages"][0]["content"] for line in lines(client.post(PAGE, data=data).text)}  # type: ignore[index]
    rest = client.post(PAGE, data={**data, "what": "rest"}).text
    left = {line["input"][0]["content"] for line in lines(rest)}  # type: ignore[index]
    assert len(taken) == -(-len(WRONG) // 2)
    assert taken | left == {f"colour {n}?" for n in range(40)}
    assert not taken & left


def test_nothing_to_take_is_said_instead_of_an_empty_file(
    client: TestClient, folder: RunFolder
) -> None:
    answered = client.post(PAGE, data=asked(state="partly"))
    assert answered.status_code == 422
    assert "nothing was written" in answered.text
    assert not folder.copied.exists()
    assert client.get(f"{PAGE}?eval=nothing&model=x").status_code == 404


def test_another_site_takes_nothing(client: TestClient, folder: RunFolder) -> None:
    answered = client.post(PAGE, data=asked(), headers={"origin": "https://elsewhere.example"})
    assert answered.status_code == 403
    assert not folder.copied.exists()


def test_the_list_of_samples_offers_it(client: TestClient) -> None:
    text = client.get(f"/runs/run/samples?{urlencode(asked())}").text
    assert f'action="{PAGE}"' in text
    assert text.count('form="copy"') == len(WRONG)
