"""Who is let in, and what a page may do: nothing but its own style and script.

The dangers: a page of a stranger in the same browser (it may send requests here, under a name of
its own that leads to this machine, but must learn and change nothing), somebody else on the
network (they need the token), and run folders of strangers (whatever they say is text).
"""

from __future__ import annotations

import hashlib
import re
from http.cookies import CookieError, SimpleCookie
from secrets import compare_digest
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harness.viewer.rendering import page

HEADERS = {
    b"content-security-policy": b"default-src 'none'; style-src 'self'; script-src 'self'; "
    b"connect-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    b"frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-store",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
}

ANY_HOST = "*"
"""Stands for every name: where all addresses are listened on, the token alone decides."""

READING = frozenset({"GET", "HEAD"})
OPEN_TO_ALL = "/static/"
TOKEN = "token"  # noqa: S105 - the name of a parameter


class Guard:
    """ASGI middleware: checks host, origin and token, and adds the headers that protect a page."""

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...], token: str | None) -> None:
        self.app = app
        self.hosts = frozenset(host.lower() for host in hosts)
        self.token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or not."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                known = {name for name, _ in message["headers"]}
                extra = [(n, v) for n, v in HEADERS.items() if n not in known]
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        if scope["type"] == "http":
            await (self._answer(scope) or self.app)(scope, receive, send_guarded)
        elif scope["type"] == "lifespan":
            await self.app(scope, receive, send)

    def _answer(self, scope: Scope) -> Response | None:
        """What keeps a request out; None lets it in."""
        headers = Headers(scope=scope)
        if not self._is_own_host(headers):
            return _refused(
                "This viewer does not answer to that name",
                "Open it by the address that harness view printed; "
                "--host names another one to answer to.",
            )
        if not _is_own_request(scope["method"], headers, scope["scheme"]):
            return _refused(
                "This came from another site",
                "Only the viewer's own pages may send this. Open the page itself and try again.",
            )
        return None if self.token is None else self._asked_for_token(scope, headers, self.token)

    def _is_own_host(self, headers: Headers) -> bool:
        """Is it a name that leads here by right? One of a stranger may lead here, too."""
        named = headers.getlist("host")
        return len(named) == 1 and (ANY_HOST in self.hosts or _bare(named[0]) in self.hosts)

    def _asked_for_token(self, scope: Scope, headers: Headers, token: str) -> Response | None:
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        told = [value for name, value in query if name == TOKEN]
        if told and scope["method"] in READING:
            if not _same(told[0], token):
                return _refused("Wrong token", "Take the address that harness view printed.")
            rest = urlencode([(name, value) for name, value in query if name != TOKEN])
            return _welcomed(_here(scope["path"]) + (f"?{rest}" if rest else ""), token)
        if _same(_cookie(headers, cookie_name(token)), token) or _is_style(scope["path"]):
            return None
        return _refused(
            "A token is needed",
            "Take the address that harness view printed. If you were let in before and came here "
            "by a link on another page, go on from here.",
            go_on=_here(scope["path"]),
        )


def _bare(host: str) -> str:
    """A Host header without its port."""
    return re.sub(r":\d*$", "", host).strip("[]").lower()


def _is_own_request(method: str, headers: Headers, scheme: str) -> bool:
    """May this request come from where it does?

    What changes something must come from a page of ours; browsers say where from, so who does
    not say is not let through. What only reads may be a link anywhere, but no part of another
    site's page.
    """
    site = headers.get("sec-fetch-site")
    if method in READING:
        is_part = headers.get("sec-fetch-mode", "navigate") != "navigate"
        return not (is_part and site in {"cross-site", "same-site"})
    if site is not None:
        return site == "same-origin"
    return headers.get("origin") == f"{scheme}://{headers.get('host')}"


def _same(told: str, token: str) -> bool:
    return compare_digest(told.encode(), token.encode())


def _is_style(path: str) -> bool:
    """Our own style and script, which say nothing: a refusal looks like a page with them."""
    return path.startswith(OPEN_TO_ALL)


def _here(path: str) -> str:
    """This page's path for a link: on this host, whatever it begins with."""
    return "/" + quote(path.lstrip("/\\"))


def cookie_name(token: str) -> str:
    """The cookie of this token: viewers on other ports of one host share its cookies."""
    return f"harness-view-{hashlib.sha256(token.encode()).hexdigest()[:12]}"


def _cookie(headers: Headers, name: str) -> str:
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(headers.get("cookie", ""))
    except CookieError:
        return ""
    return jar[name].value if name in jar else ""


def _welcomed(path: str, token: str) -> Response:
    """On to the page itself, without the token in its address."""
    response = RedirectResponse(path, 303)
    response.set_cookie(cookie_name(token), token, httponly=True, samesite="strict", path="/")
    return response


def _refused(title: str, message: str, go_on: str = "") -> Response:
    if go_on:
        return page("refused.html.j2", 403, title=title, message=message, go_on=go_on)
    return page("error.html.j2", 403, title=title, message=message)
