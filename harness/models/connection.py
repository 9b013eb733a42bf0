"""One server's connections: a request's bytes go out, status, headers and body come back.

It sends once, never follows a redirect, takes no proxy of the environment and translates what
breaks into our errors.
"""

from __future__ import annotations

import difflib
import errno
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp

from harness.errors import BadResponse, ProviderError, ServerUnreachable, TimedOut
from harness.models.refusals import one_line
from harness.models.server import Server, shown
from harness.models.wire import parsed

LARGEST_BODY = 64 * 2**20
LARGE_REQUEST = 2**20


@dataclass(eq=False)
class Connection:
    """The open connections to a server; use it as an async context manager.

    ``timeout_s`` bounds one exchange, ``concurrency`` the open connections (None: nothing does).
    """

    server: Server
    timeout_s: float = 60.0
    concurrency: int | None = None
    _session: aiohttp.ClientSession | None = field(default=None, repr=False)

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self.concurrency or 0, ttl_dns_cache=300),
            headers=self.server.sent_headers,
            timeout=aiohttp.ClientTimeout(total=self.timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def ask(
        self, method: str, url: str, data: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One exchange: status, headers and body.

        Raises:
            ProviderError: it broke, took too long or brought too much.
        """
        if self._session is None:
            raise RuntimeError("enter the provider first: `async with provider:`")
        # aiohttp warns of large bytes, which block the loop while they are sent.
        sent = io.BytesIO(data) if data is not None and len(data) > LARGE_REQUEST else data
        try:
            async with self._session.request(
                method, url, data=sent, allow_redirects=False
            ) as response:
                raw = self.server.cleaned(await _read(response))
                return response.status, response.headers, raw
        except (aiohttp.ClientError, OSError) as error:
            raise _broken(error, shown(url), self.timeout_s) from error


async def near_models(connection: Connection, model: str) -> str:
    """What to say behind an unknown model's name: the nearest that the server lists, if any."""
    listed = await listed_models(connection)
    near = difflib.get_close_matches(model, listed, n=3, cutoff=0.5) or listed[:5]
    return f"; it has {', '.join(one_line(name) for name in near)}" if near else ""


async def listed_models(connection: Connection) -> tuple[str, ...]:
    """The ids of the models that the server lists; nothing where it lists none."""
    try:
        status, _, raw = await connection.ask("GET", connection.server.url("models"), None)
        listed = parsed(raw)["data"] if status == 200 else []
        return tuple(sorted(str(model["id"]) for model in listed))
    except (ProviderError, ValueError, TypeError, KeyError):
        return ()


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The whole body, unpacked; a body without announced or with too large a size is watched."""
    if "Content-Encoding" not in response.headers and response.content_length is not None:
        if response.content_length > LARGEST_BODY:
            raise _too_large(response)
        return await response.read()
    found = bytearray()
    async for piece in response.content.iter_any():
        found += piece
        if len(found) > LARGEST_BODY:
            raise _too_large(response)
    return bytes(found)


def _too_large(response: aiohttp.ClientResponse) -> BadResponse:
    response.close()
    return BadResponse(
        f"{shown(str(response.url))} sent more than {LARGEST_BODY // 2**20} MB for one answer; "
        "lower max_tokens or n"
    )


def _broken(error: Exception, url: str, timeout_s: float) -> ProviderError:
    """A connection's failure in our words: what happened and what to check."""
    kind = TimedOut if isinstance(error, TimeoutError) else ServerUnreachable
    return kind(_what_broke(error, url, timeout_s))


def _what_broke(error: Exception, url: str, timeout_s: float) -> str:
    if isinstance(error, TimeoutError):
        return (
            f"{url} did not answer within {timeout_s:g} s; lower --concurrency or raise --timeout"
        )
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"no server is named {urlsplit(url).hostname}; check --base-url {url}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the certificate of {url} is not trusted; set SSL_CERT_FILE to its authority's"
    if isinstance(error, aiohttp.ClientSSLError):
        return f"{url} does not speak TLS; check --base-url, perhaps http:// is meant"
    if isinstance(error, aiohttp.ClientPayloadError):
        return f"{url} closed the connection in the middle of an answer; see its log"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"{url} sent something that is not HTTP; check --base-url"
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return "no more files can be opened; lower --concurrency or raise `ulimit -n`"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"nothing listens at {url}; start it or check --base-url"
    return f"{url} broke the connection ({type(error).__name__}); see its log"
