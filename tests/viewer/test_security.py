"""Who is let in, by host, origin and token; and what answers carry."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from harness.viewer.security import cookie_name
from harness.viewer.site import application

TOKEN = "a-token-of-this-test"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


@pytest.fixture
def local(root: Path) -> TestClient:
    return TestClient(application(root, ("127.0.0.1", "localhost", "::1")), "http://127.0.0.1:7575")


@pytest.fixture
def abroad(root: Path) -> TestClient:
    app = application(root, ("10.0.0.5",), TOKEN)
    return TestClient(app, "http://10.0.0.5:7575", follow_redirects=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:7575", "LOCALHOST:1", "[::1]:7575"])
def test_own_names_are_answered(local: TestClient, host: str) -> None:
    assert local.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:7575", "", "127.0.0.1:x"]
)
def test_a_stranger_s_name_for_this_machine_is_refused(local: TestClient, host: str) -> None:
    answer = local.get("/", headers={"host": host})
    assert answer.status_code == 403
    assert "does not answer to that name" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "https://127.0.0.1:7575"},
        {"origin": "http://127.0.0.1:9"},
        {"origin": "http://127.0.0.1:7575", "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_only_our_own_pages_change_something(
    local: TestClient, method: str, headers: dict[str, str]
) -> None:
    assert local.request(method, "/", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers", [{"origin": "http://127.0.0.1:7575"}, {"sec-fetch-site": "same-origin"}]
)
def test_our_own_pages_are_let_through(local: TestClient, headers: dict[str, str]) -> None:
    assert local.post("/", headers=headers).status_code == 405  # no page takes it, but the guard


def test_a_link_elsewhere_may_lead_here_but_no_page_may_embed_this(local: TestClient) -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    part = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert local.get("/", headers=link).status_code == 200
    assert local.get("/", headers=part).status_code == 403


@pytest.mark.parametrize("path", ["/", "/nothing", "/static/view.css"])
def test_every_answer_is_guarded(local: TestClient, path: str) -> None:
    headers = local.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"


# --- the token -----------------------------------------------------------------------


def test_without_the_token_nobody_is_let_in(abroad: TestClient) -> None:
    assert abroad.get("/").status_code == 403
    assert abroad.get("/runs/x/report").status_code == 403


@pytest.mark.parametrize("told", ["", "wrong", TOKEN[:-1], TOKEN + "x", "ü"])
def test_a_wrong_token_is_refused(abroad: TestClient, told: str) -> None:
    answer = abroad.get("/", params={"token": told})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_the_token_becomes_a_cookie_and_leaves_the_address(abroad: TestClient) -> None:
    answer = abroad.get("/", params={"words": "a b", "token": TOKEN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/?words=a+b")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert abroad.get("/").status_code == 200


def test_the_redirect_stays_on_this_host(abroad: TestClient) -> None:
    answer = abroad.get(f"http://10.0.0.5:7575//evil.example/?token={TOKEN}")
    assert answer.headers["location"] == "/evil.example/"


def test_a_broken_or_foreign_cookie_lets_nobody_in(abroad: TestClient) -> None:
    for cookie in ("a", "harness-view=1", f"{cookie_name(TOKEN)}=wrong", "\x7f=;;"):
        assert abroad.get("/", headers={"cookie": cookie}).status_code == 403


def test_the_token_is_in_no_log(abroad: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    own = [record for record in caplog.records if not record.name.startswith("httpx")]
    with caplog.at_level(logging.DEBUG, logger="uvicorn"):
        abroad.get("/", params={"token": TOKEN})
    assert not any(TOKEN in record.getMessage() for record in own)


def test_where_all_addresses_are_listened_on_the_token_alone_decides(root: Path) -> None:
    client = TestClient(application(root, ("*",), TOKEN), "http://my-machine.example:7575")
    assert client.get("/").status_code == 403
    assert client.get("/", params={"token": TOKEN}).status_code == 200
