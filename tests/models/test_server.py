from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.models.server import Server


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("http://host:8000/v1", "http://host:8000/v1/models"),
        ("https://host/v1/", "https://host/v1/models"),
        ("http://[::1]:8000", "http://[::1]:8000/models"),
        (" http://host/v1?api-version=1 ", "http://host/v1/models?api-version=1"),
    ],
)
def test_paths_are_put_after_the_base(base_url: str, url: str) -> None:
    assert Server(base_url).url("models") == url


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "host/v1",
        "localhost:8000",
        "ftp://host/v1",
        "http://",
        "http://host:port/v1",
        "http://[::1",
    ],
)
def test_what_is_no_address_is_a_usage_error(base_url: str) -> None:
    with pytest.raises(UsageError, match="--base-url"):
        Server(base_url)


def test_an_address_with_a_password_is_refused_without_showing_it() -> None:
    with pytest.raises(UsageError) as caught:
        Server("http://me:geheim@host/v1")
    assert "geheim" not in str(caught.value)


def test_a_keys_line_break_is_stripped() -> None:
    assert Server("http://host", "sk-1\n").sent_headers["Authorization"] == "Bearer sk-1"


@pytest.mark.parametrize("key", ["sk-\u201cgeheim\u201d", "sk-geheim\r\nX: y"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(UsageError, match="Authorization") as caught:
        Server("http://host", key)
    assert "geheim" not in str(caught.value)


def test_own_headers_win() -> None:
    sent = Server("http://host", "sk-1", headers={"Authorization": "Basic abc"}).sent_headers
    assert sent["Authorization"] == "Basic abc"


def test_secrets_are_hidden_whole_even_where_one_begins_another() -> None:
    server = Server("http://host?sig=abcdefgh", "abcdefghij", headers={"api-key": "abcdef"})
    assert server.hidden("abcdefghij abcdefgh abcdef") == "[key] [key] [key]"


def test_placeholders_are_no_secrets() -> None:
    assert Server("http://host", "x").hidden("exact text") == "exact text"


def test_a_server_shows_no_secret_of_its_own() -> None:
    assert "geheim" not in repr(Server("http://host", "geheim-1", headers={"k": "geheim-2"}))
