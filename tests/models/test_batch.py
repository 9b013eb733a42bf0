"""The Batch API's refusals and odd answers become our errors; the environment stays at home."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import (
    AuthenticationFailed,
    BadResponse,
    ProviderError,
    RateLimited,
    RequestRejected,
    ServerFailed,
    ServerUnreachable,
    UsageError,
    WrongAddress,
)
from harness.models.batch import OpenAIBatches

KEY = "sk-geheim-0123456789"
BATCH = {"id": "batch_1", "status": "in_progress", "input_file_id": "file-1"}


@pytest.fixture
def service(scripted: Any) -> Callable[..., OpenAIBatches]:
    def made(**fields: Any) -> OpenAIBatches:
        return OpenAIBatches(fields.pop("url", scripted.url), KEY, **fields)

    return made


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AuthenticationFailed),
        (404, WrongAddress),
        (405, WrongAddress),
        (429, RateLimited),
        (400, RequestRejected),
        (500, ServerFailed),
        (302, WrongAddress),
    ],
)
async def test_a_refusal_is_one_of_our_errors_and_hides_the_key(
    scripted: Any, service: Any, status: int, error: type[ProviderError]
) -> None:
    scripted.says_error(f"no, {KEY}, not so", status)
    async with service() as batches:
        with pytest.raises(error) as raised:
            await batches.create("file-1", "chat", {})
    assert KEY not in str(raised.value)


async def test_an_object_that_is_not_there_is_told_from_an_api_that_is_not(
    scripted: Any, service: Any
) -> None:
    scripted.says_error("No such Batch object: batch_1", 404, param="id")
    async with service() as batches:
        with pytest.raises(RequestRejected, match="batch_1: not at"):
            await batches.job("batch_1")


async def test_a_redirect_is_not_followed(scripted: Any, service: Any) -> None:
    scripted.says("", 307, Location="http://127.0.0.1:9/v1/batches")
    async with service() as batches:
        with pytest.raises(WrongAddress, match="redirects"):
            await batches.job("batch_1")


@pytest.mark.parametrize("body", ["<html>hello</html>", "[]", '"yes"', "{"])
async def test_a_page_is_no_batch(scripted: Any, service: Any, body: str) -> None:
    scripted.says(body)
    async with service() as batches:
        with pytest.raises(WrongAddress, match="not as an API"):
            await batches.job("batch_1")


async def test_a_server_that_is_gone_or_silent_can_be_asked_again(
    scripted: Any, service: Any
) -> None:
    scripted.says_nothing()
    async with service(timeout_s=0.2) as batches:
        with pytest.raises(ServerUnreachable, match=r"within 0\.2 s"):
            await batches.job("batch_1")
    async with service(url="http://127.0.0.1:9/v1") as batches:
        with pytest.raises(ServerUnreachable, match="nothing answers"):
            await batches.job("batch_1")


async def test_what_a_server_leaves_out_is_nothing(scripted: Any, service: Any) -> None:
    scripted.says_json({**BATCH, "request_counts": None, "errors": [{"message": "m"}, 1]})
    async with service() as batches:
        job = await batches.job("batch_1")
    assert (job.total, job.output_file, job.ended) == (0, None, False)
    assert [(fault.code, fault.message, fault.line) for fault in job.faults] == [
        ("None", "m", None)
    ]


async def test_a_batch_without_an_id_is_a_bad_answer(scripted: Any, service: Any) -> None:
    scripted.says_json({"status": "validating"})
    async with service() as batches:
        with pytest.raises(BadResponse, match="without an id"):
            await batches.job("batch_1")


async def test_the_batch_of_a_file_is_found_pages_back(scripted: Any, service: Any) -> None:
    others = [{"id": f"batch_{i}", "input_file_id": f"file-{i}"} for i in range(2, 5)]
    scripted.says_json({"data": others, "has_more": True})
    scripted.says_json({"data": [BATCH | {"id": "batch_0"}, BATCH], "has_more": False})
    async with service() as batches:
        found = await batches.created("file-1", {"batch_0"})
    assert found is not None
    assert found.id == "batch_1"
    assert "after=batch_4" in scripted.heads[1]


async def test_query_headers_and_key_go_with_every_call_and_nothing_of_the_environment(
    scripted: Any, service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9")
    scripted.says_json(BATCH)
    async with service(url=f"{scripted.url}?api-version=7", headers={"X-Team": "blue"}) as batches:
        await batches.job("batch_1")
    (head,) = scripted.heads
    assert head.startswith("GET /v1/batches/batch_1?api-version=7 ")
    assert "127.0.0.1:9" not in head
    lowered = head.lower()
    assert "x-team: blue" in lowered
    assert f"authorization: bearer {KEY}" in lowered
    assert "openai-project" not in lowered


async def test_a_result_that_breaks_off_is_not_taken_for_whole(
    scripted: Any, service: Any, tmp_path: Path
) -> None:
    scripted.says_raw(
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{half of it"
    )
    async with service() as batches:
        with pytest.raises(ProviderError) as raised:
            await batches.download("file-1", tmp_path / "out")
    assert raised.value.retryable


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError):
        OpenAIBatches("ftp://x")
