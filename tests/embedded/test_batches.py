"""The embedded server's batches as their users meet them: the real openai client."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types import Batch

from harness.embedded.workshop import Workshop

ENDPOINT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "the courier was late, what is the topic?"}]


@pytest.fixture(scope="module")
def client(embedded_server: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=embedded_server, api_key="none", max_retries=0) as client:
        yield client


def line(name: str, **changes: Any) -> dict[str, Any]:
    body = {"model": "tiny-base", "messages": MESSAGES, "temperature": 0, "max_tokens": 5}
    asked = {"custom_id": name, "method": "POST", "url": ENDPOINT, "body": body}
    return asked | changes


def uploaded(client: openai.OpenAI, *lines: Any) -> str:
    data = "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines)
    return client.files.create(file=("in.jsonl", data.encode()), purpose="batch").id


def created(client: openai.OpenAI, *lines: Any, **more: Any) -> Batch:
    file = uploaded(client, *lines)
    return client.batches.create(
        input_file_id=file, endpoint=ENDPOINT, completion_window="24h", **more
    )


def ended(client: openai.OpenAI, batch: Batch) -> Batch:
    for _ in range(500):
        found = client.batches.retrieve(batch.id)
        if found.status in ("completed", "failed", "expired", "cancelled"):
            return found
        time.sleep(0.02)
    raise AssertionError("the batch does not end")


def results(client: openai.OpenAI, file_id: str | None) -> dict[str, Any]:
    assert file_id is not None
    rows = map(json.loads, client.files.content(file_id).text.splitlines())
    return {row["custom_id"]: row for row in rows}


def test_a_batch_gives_what_asking_gives(client: openai.OpenAI) -> None:
    batch = created(client, *(line(f"r{i}") for i in range(8)), metadata={"who": "me"})
    assert (batch.status, batch.metadata) == ("validating", {"who": "me"})
    done = ended(client, batch)
    assert (done.status, done.error_file_id) == ("completed", None)
    assert done.request_counts is not None
    assert done.request_counts.model_dump() == {"completed": 8, "failed": 0, "total": 8}
    assert done.completed_at is not None
    found = results(client, done.output_file_id)
    assert set(found) == {f"r{i}" for i in range(8)}
    direct = client.chat.completions.create(**line("")["body"])
    one = found["r3"]["response"]
    assert one["status_code"] == 200
    assert one["body"]["choices"][0]["message"]["content"] == direct.choices[0].message.content
    assert one["body"]["usage"] == direct.usage.model_dump(exclude_none=True)


def test_results_come_in_another_order(client: openai.OpenAI) -> None:
    names = [f"r{i:02}" for i in range(20)]
    done = ended(client, created(client, *map(line, names)))
    assert done.output_file_id is not None
    rows = client.files.content(done.output_file_id).text.splitlines()
    assert [json.loads(row)["custom_id"] for row in rows] != names


def test_requests_that_cannot_be_met_are_in_the_error_file(client: openai.OpenAI) -> None:
    odd = {"model": "tiny-base", "messages": MESSAGES, "temperature": 9}
    done = ended(client, created(client, line("good"), line("bad", body=odd)))
    assert done.status == "completed"
    assert set(results(client, done.output_file_id)) == {"good"}
    failed = results(client, done.error_file_id)["bad"]
    assert failed["response"]["status_code"] == 400
    assert failed["response"]["body"]["error"]["param"] == "temperature"


@pytest.mark.parametrize(
    ("rows", "code", "number"),
    [
        ([line("a"), line("a")], "duplicate_custom_id", 2),
        ([line("a"), "{"], "invalid_json_line", 2),
        ([line("a", url="/v1/embeddings")], "mismatched_url", 1),
        ([line("a", method="GET")], "invalid_method", 1),
        ([line("")], "missing_required_parameter", 1),
        ([line("a"), line("b", body={"model": "other"})], "mismatched_model", 2),
        ([""], "empty_file", None),
    ],
)
def test_a_file_with_faults_fails_whole_and_says_where(
    client: openai.OpenAI, rows: list[Any], code: str, number: int | None
) -> None:
    done = ended(client, created(client, *rows))
    assert done.status == "failed"
    assert done.errors is not None
    assert done.errors.data is not None
    (fault,) = done.errors.data
    assert (fault.code, fault.line) == (code, number)


def test_a_batch_of_a_file_that_is_not_one_is_refused(client: openai.OpenAI) -> None:
    good = uploaded(client, line("a"))
    tuning = client.files.create(file=("t.jsonl", b"{}\n"), purpose="fine-tune").id
    cases = {"file-none": ENDPOINT, tuning: ENDPOINT, good: "/v1/embeddings"}
    for file, endpoint in cases.items():
        with pytest.raises(openai.BadRequestError):
            client.batches.create(
                input_file_id=file,
                endpoint=endpoint,  # type: ignore[arg-type]
                completion_window="24h",
            )


def test_batches_are_listed_newest_first(client: openai.OpenAI) -> None:
    ids = [created(client, line("a")).id for _ in range(3)]
    listed = client.batches.list(limit=2)
    assert [batch.id for batch in listed.data] == ids[:0:-1]
    assert listed.has_more
    assert client.batches.list(after=ids[1]).data[0].id == ids[0]


def test_an_unknown_or_ended_batch_cannot_be_cancelled(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.batches.cancel("batch_none")
    done = ended(client, created(client, line("a")))
    with pytest.raises(openai.ConflictError):
        client.batches.cancel(done.id)


def test_a_cancelled_batch_keeps_what_was_answered() -> None:
    with Workshop() as workshop:
        rows = b"".join(json.dumps(line(f"r{i}")).encode() + b"\n" for i in range(500))
        file = workshop.files.upload("in.jsonl", "batch", rows)
        asked = {"input_file_id": file.id, "endpoint": ENDPOINT, "completion_window": "24h"}
        name = workshop.batches.create(asked)["id"]
        while not workshop.batches.batch(name)["request_counts"]["completed"]:
            time.sleep(0.005)
        assert workshop.batches.cancel(name)["status"] == "cancelling"
        while (found := workshop.batches.batch(name))["status"] != "cancelled":
            time.sleep(0.005)
        errors = workshop.files.find(found["error_file_id"]).data
        assert b"batch_cancelled" in errors
        assert found["request_counts"]["completed"] + errors.count(b"\n") == 500


def test_what_is_not_reached_in_the_window_expires() -> None:
    days = itertools.count(0, 24 * 3600)
    with Workshop(clock=lambda: next(days)) as workshop:
        rows = b"".join(json.dumps(line(f"r{i}")).encode() + b"\n" for i in range(3))
        file = workshop.files.upload("in.jsonl", "batch", rows)
        asked = {"input_file_id": file.id, "endpoint": ENDPOINT, "completion_window": "24h"}
        name = workshop.batches.create(asked)["id"]
        while (found := workshop.batches.batch(name))["status"] != "expired":
            time.sleep(0.005)
        assert b"batch_expired" in workshop.files.find(found["error_file_id"]).data
