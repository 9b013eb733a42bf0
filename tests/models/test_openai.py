from __future__ import annotations

import asyncio
import gzip
import logging
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest

from harness.errors import (
    AuthenticationFailed,
    BadResponse,
    ModelNotFound,
    ProviderError,
    RateLimited,
    RequestRejected,
    ServerFailed,
    ServerOverloaded,
    ServerUnreachable,
    TooFewChoices,
    WrongAddress,
)
from harness.models import connection, openai
from harness.models.openai import OpenAIProvider
from harness.models.server import Server
from harness.records import Request, Sampling, Usage

KEY = "sk-geheim/0123456789abcdef"
HELLO = Request("m", ({"role": "user", "content": "Hello"},))


def answer(*texts: str, **fields: Any) -> dict[str, Any]:
    choices = [{"message": {"content": text}, "finish_reason": "stop"} for text in texts]
    return {"choices": choices, **fields}


async def error_of(
    url: str, request: Request = HELLO, timeout_s: float = 20.0, **fields: Any
) -> ProviderError:
    async with OpenAIProvider(url, KEY, timeout_s=timeout_s, **fields) as provider:
        with pytest.raises(ProviderError) as caught:
            await provider.complete(request)
    message = str(caught.value)
    assert "\n" not in message
    assert KEY not in message
    return caught.value


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


async def test_a_chat_answer_comes_with_its_tokens_and_latency(scripted: Any) -> None:
    scripted.says_json(answer("Hi", usage={"prompt_tokens": 3, "completion_tokens": 1}))
    async with OpenAIProvider(scripted.url, KEY, "org-1", {"X-Team": "nlp"}) as provider:
        [completion] = await provider.complete(HELLO)
    assert (completion.text, completion.finish_reason) == ("Hi", "stop")
    assert completion.usage == Usage(3, 1)
    assert completion.latency_s > 0
    assert provider.notes == ()
    assert scripted.bodies == [{"model": "m", "messages": list(HELLO.messages)}]
    head = scripted.heads[0]
    assert head.startswith("POST /v1/chat/completions HTTP/1.1")
    for line in (f"Authorization: Bearer {KEY}", "OpenAI-Organization: org-1", "X-Team: nlp"):
        assert line in head


async def test_the_legacy_endpoint_is_asked_with_a_prompt(scripted: Any) -> None:
    scripted.says_json({"choices": [{"text": " world", "finish_reason": "length"}]})
    async with OpenAIProvider(scripted.url) as provider:
        [completion] = await provider.complete(Request("m", HELLO.messages, endpoint="completions"))
    assert (completion.text, completion.finish_reason) == (" world", "length")
    assert scripted.heads[0].startswith("POST /v1/completions ")
    assert "Authorization" not in scripted.heads[0]


async def test_one_connection_serves_one_request_after_the_other(scripted: Any) -> None:
    scripted.says_json(answer("a"))
    async with OpenAIProvider(scripted.url) as provider:
        for _ in range(3):
            await provider.complete(HELLO)
    assert len(scripted.bodies) == 3


async def test_what_the_server_drops_is_noted_once(scripted: Any) -> None:
    scripted.says_json(answer("a"))
    request = Request("m", HELLO.messages, Sampling(logprobs=0))
    async with OpenAIProvider(scripted.url) as provider:
        await provider.complete(request)
        await provider.complete(request)
    assert provider.notes == (openai.NO_USAGE, openai.NO_LOGPROBS)


async def test_a_server_that_ignores_n_is_found_out(scripted: Any) -> None:
    scripted.says_json(answer("a"))
    error = await error_of(scripted.url, Request("m", HELLO.messages, Sampling(n=10)))
    assert isinstance(error, TooFewChoices)
    assert len(error.completions) == 1


async def test_max_tokens_is_renamed_for_the_models_that_ask_for_it_and_remembered(
    scripted: Any,
) -> None:
    scripted.says_error(
        "Unsupported parameter: 'max_tokens' is not supported with this model. "
        "Use 'max_completion_tokens' instead.",
        400,
        param="max_tokens",
        code="unsupported_parameter",
    )
    scripted.says_json(answer("a"))
    request = Request("o9", HELLO.messages, Sampling(max_tokens=5))
    async with OpenAIProvider(scripted.url) as provider:
        await provider.complete(request)
        await provider.complete(request)
        await provider.complete(Request("other", HELLO.messages, Sampling(max_tokens=5)))
    names = [next(name for name in body if "tokens" in name) for body in scripted.bodies]
    assert names == ["max_tokens", "max_completion_tokens", "max_completion_tokens", "max_tokens"]


async def test_max_tokens_keeps_a_name_that_was_chosen(scripted: Any) -> None:
    scripted.says_error("use 'max_tokens', not 'max_completion_tokens'", 400)
    request = Request("m", HELLO.messages, Sampling(max_tokens=5))
    error = await error_of(scripted.url, request, max_tokens_field="max_completion_tokens")
    assert isinstance(error, RequestRejected)
    assert scripted.bodies[0]["max_completion_tokens"] == 5
    assert len(scripted.bodies) == 1


async def test_a_rejected_temperature_is_an_error_never_a_silent_change(scripted: Any) -> None:
    scripted.says_error("'temperature' does not support 0.0 with this model", 400)
    error = await error_of(scripted.url, Request("o9", HELLO.messages, Sampling(temperature=0.0)))
    assert isinstance(error, RequestRejected)
    assert "leave temperature unset" in str(error)
    assert len(scripted.bodies) == 1


async def test_an_unknown_model_is_answered_with_its_nearest_names(scripted: Any) -> None:
    scripted.says_error("The model `m` does not exist", 404, code="model_not_found")
    scripted.says_json({"data": [{"id": "m1"}, {"id": "zebra"}]})
    error = await error_of(scripted.url)
    assert isinstance(error, ModelNotFound)
    assert error.fatal
    assert "does not know model 'm'" in str(error)
    assert "it has m1" in str(error)
    assert scripted.heads[1].startswith("GET /v1/models ")


async def test_models_lists_ids_and_nothing_where_there_is_no_list(scripted: Any) -> None:
    scripted.says_json({"data": [{"id": "b"}, {"id": "a"}]})
    for reply in ({"data": None}, [], {"data": [{}]}):
        scripted.says_json(reply)
    scripted.says("<html>", 404)
    async with connection.Connection(Server(scripted.url)) as opened:
        assert await connection.listed_models(opened) == ("a", "b")
        for _ in range(4):
            assert await connection.listed_models(opened) == ()


async def test_a_web_page_means_a_wrong_address(scripted: Any) -> None:
    scripted.says("<!doctype html><h1>Welcome to nginx</h1>", Content_Type="text/html")
    async with OpenAIProvider(scripted.url.removesuffix("/v1")) as provider:
        for _ in range(2):  # a proxy can send one while its server starts
            with pytest.raises(BadResponse) as early:
                await provider.complete(HELLO)
            assert early.value.retryable
        with pytest.raises(WrongAddress, match="/v1") as caught:
            await provider.complete(HELLO)
    assert caught.value.fatal


async def test_a_web_page_between_answers_is_worth_another_try(scripted: Any) -> None:
    scripted.says_json(answer("a"))
    scripted.says("<html>hiccup</html>", Content_Type="text/html")
    async with OpenAIProvider(scripted.url) as provider:
        await provider.complete(HELLO)
        with pytest.raises(BadResponse) as caught:
            await provider.complete(HELLO)
    assert caught.value.retryable


async def test_json_counts_whatever_its_content_type(scripted: Any) -> None:
    scripted.says('{"choices": [{"message": {"content": "a"}}]}', Content_Type="text/plain")
    async with OpenAIProvider(scripted.url) as provider:
        assert (await provider.complete(HELLO))[0].text == "a"


async def test_a_compressed_answer_is_unpacked(scripted: Any) -> None:
    data = gzip.compress(b'{"choices": [{"message": {"content": "a"}}]}')
    scripted.says(data, Content_Encoding="gzip")
    async with OpenAIProvider(scripted.url) as provider:
        assert (await provider.complete(HELLO))[0].text == "a"


async def test_a_chunked_answer_is_put_together(scripted: Any) -> None:
    pieces = (b'{"choices": [{"mess', b'age": {"content": "a"}}]}')
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    scripted.says_raw(head + chunks + b"0\r\n\r\n")
    async with OpenAIProvider(scripted.url) as provider:
        assert (await provider.complete(HELLO))[0].text == "a"


@pytest.mark.parametrize("body", ["", "{", '{"choices": [', "Internal error", "null", '"text"'])
async def test_what_is_no_answer_is_a_bad_response(scripted: Any, body: str) -> None:
    scripted.says(body)
    error = await error_of(scripted.url)
    assert type(error) is BadResponse
    assert error.retryable
    assert scripted.url in str(error)


async def test_an_error_with_status_200_is_an_error(scripted: Any) -> None:
    scripted.says_error("the upstream is tired", 200)
    assert "the upstream is tired" in str(await error_of(scripted.url))


async def test_an_error_of_older_servers_with_status_200_is_an_error(scripted: Any) -> None:
    scripted.says_json({"object": "error", "message": "out of memory", "code": 50001})
    assert "out of memory" in str(await error_of(scripted.url))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthenticationFailed),
        (400, RequestRejected),
        (500, ServerFailed),
        (503, ServerOverloaded),
    ],
)
async def test_a_status_has_its_error(
    scripted: Any, status: int, kind: type[ProviderError]
) -> None:
    scripted.says_error("because", status)
    error = await error_of(scripted.url)
    assert type(error) is kind
    assert "because" in str(error)


async def test_a_rate_limit_tells_how_long_to_wait(scripted: Any) -> None:
    scripted.says_json({"error": {"message": "slow"}}, 429, Retry_After="3")
    scripted.says_json({"error": {"message": "slow"}}, 429, RETRY_AFTER_MS="250")
    for wait_s in (3.0, 0.25):
        error = await error_of(scripted.url)
        assert isinstance(error, RateLimited)
        assert error.retry_after_s == wait_s


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(scripted: Any, status: int) -> None:
    scripted.says("", status, Location=scripted.url + "/elsewhere")
    error = await error_of(scripted.url)
    assert isinstance(error, WrongAddress)
    assert "/elsewhere" in str(error)
    assert len(scripted.bodies) == 1


async def test_a_silent_server_times_out(scripted: Any) -> None:
    scripted.says_nothing()
    error = await error_of(scripted.url, timeout_s=0.05)
    assert isinstance(error, ServerUnreachable)
    assert "did not answer within 0.05 s" in str(error)


async def test_a_server_that_dies_in_the_middle_of_an_answer(scripted: Any) -> None:
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 999\r\n\r\n"
    scripted.says_raw(head + b'{"choices"')
    error = await error_of(scripted.url)
    assert isinstance(error, ServerUnreachable)
    assert "middle of an answer" in str(error)


async def test_nobody_listens() -> None:
    error = await error_of(f"http://127.0.0.1:{free_port()}/v1")
    assert isinstance(error, ServerUnreachable)
    assert "nothing listens at" in str(error)
    assert "--base-url" in str(error)


async def test_no_such_host() -> None:
    error = await error_of("http://nowhere.invalid/v1")
    assert isinstance(error, ServerUnreachable)
    assert "no server is named nowhere.invalid" in str(error)


async def raw_server(
    talk: Callable[[asyncio.StreamWriter], None],
) -> tuple[asyncio.Server, int]:
    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        talk(writer)
        writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


async def test_a_server_that_hangs_up_at_once() -> None:
    server, port = await raw_server(lambda writer: None)
    async with server:
        error = await error_of(f"http://127.0.0.1:{port}/v1")
    assert isinstance(error, ServerUnreachable)
    assert "broke the connection" in str(error)


async def test_a_connection_that_is_reset() -> None:
    def reset(writer: asyncio.StreamWriter) -> None:
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    server, port = await raw_server(reset)
    async with server:
        error = await error_of(f"http://127.0.0.1:{port}/v1")
    assert isinstance(error, ServerUnreachable)
    assert error.retryable


async def test_a_server_of_another_protocol() -> None:
    server, port = await raw_server(lambda writer: writer.write(b"220 mail ESMTP\r\n\r\n"))
    async with server:
        error = await error_of(f"http://127.0.0.1:{port}/v1")
    assert isinstance(error, ServerUnreachable)
    assert "not HTTP" in str(error)


async def test_https_to_a_server_without_tls() -> None:
    server, port = await raw_server(lambda writer: writer.write(b"HTTP/1.1 400 Bad\r\n\r\n"))
    async with server:
        error = await error_of(f"https://127.0.0.1:{port}/v1")
    assert isinstance(error, ServerUnreachable)
    assert "TLS" in str(error)


@pytest.mark.parametrize("announced", [True, False])
async def test_an_absurdly_large_answer_is_not_taken_in(
    scripted: Any, monkeypatch: pytest.MonkeyPatch, announced: bool
) -> None:
    monkeypatch.setattr(connection, "LARGEST_BODY", 1000)
    if announced:
        scripted.says(b" " * 1001)
    else:
        scripted.says(gzip.compress(b" " * 1_000_000), Content_Encoding="gzip")
    error = await error_of(scripted.url)
    assert isinstance(error, BadResponse)
    assert "sent more than" in str(error)


async def test_a_very_long_prompt_is_sent(scripted: Any) -> None:
    scripted.says_json(answer("a"))
    async with OpenAIProvider(scripted.url) as provider:
        await provider.complete(Request("m", ({"role": "user", "content": "x" * 2**21},)))
    assert len(scripted.bodies[0]["messages"][0]["content"]) == 2**21


async def test_proxies_of_the_environment_are_not_used(
    scripted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    scripted.says_json(answer("a"))
    async with OpenAIProvider(scripted.url) as provider:
        assert (await provider.complete(HELLO))[0].text == "a"


async def test_a_query_of_the_base_url_goes_with_every_request(scripted: Any) -> None:
    scripted.says_json(answer("a"))
    async with OpenAIProvider(scripted.url + "?api-version=2026-01") as provider:
        await provider.complete(HELLO)
    assert scripted.heads[0].startswith("POST /v1/chat/completions?api-version=2026-01 ")


ECHO = f"you sent {KEY} and header-secret-1 and query-secret-2"


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize("page", [ECHO, f"<html>{ECHO}</html>", f'{{"error": "{ECHO}"}}'])
async def test_a_server_that_echoes_secrets_finds_them_in_no_message_or_log(
    scripted: Any, status: int, page: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for padding in ("", "x" * 270):  # the second lets the quotation's end cut the key in half
        scripted.replies.clear()
        scripted.says(page.replace("you", padding + "you"), status, Location=f"/{ECHO}")
        provider = OpenAIProvider(
            scripted.url + "?token=query-secret-2", KEY, headers={"X-Key": "header-secret-1"}
        )
        async with provider:
            with pytest.raises(ProviderError) as caught:
                await provider.complete(HELLO)
        shown = f"{caught.value} {provider!r} {caught.value!r} {caplog.text}"
        for secret in (KEY[:8], "header-secret", "query-secret"):
            assert secret not in shown


async def test_a_provider_that_was_not_entered_says_so() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await OpenAIProvider("http://127.0.0.1:1/v1").complete(HELLO)
