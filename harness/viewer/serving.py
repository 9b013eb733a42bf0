"""The viewer on a socket, until interrupted."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from harness.viewer.security import ANY_HOST
from harness.viewer.site import application

LOCAL = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - what users may ask for, with a token
MOST_TRIED = 20
"""So many ports are looked at where nobody named one."""

PATIENCE_S = 2
"""How long pages under way may take at the end."""


def serve(
    root: Path,
    listener: socket.socket,
    host: str,
    token: str | None,
    ready: Callable[[str], None],
    cache: Path | None = None,
) -> None:
    """Serve the runs below ``root`` until interrupted; ``ready`` is told the address.

    ``host`` is what was listened on by. Indexes of journals are kept in ``cache``; None: only
    until the end.
    """
    with listener:
        app = application(root, answered_hosts(host), token, cache)
        config = uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            log_level="warning",
            access_log=False,  # an address may hold the token
            server_header=False,
            timeout_graceful_shutdown=PATIENCE_S,
        )
        where = address(host, listener.getsockname()[1])
        Announced(config, lambda: ready(where)).run(sockets=[listener])


class Announced(uvicorn.Server):
    """A server that says when it serves: from then on an interrupt ends it in order."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so beside serving: a browser that is opened may not return."""
        await super().startup(sockets)
        self.telling = asyncio.create_task(asyncio.to_thread(self.ready))


def answered_hosts(host: str) -> tuple[str, ...]:
    """The names that requests may come to."""
    return (ANY_HOST,) if host in EVERYWHERE else (host, socket.gethostname(), *LOCAL)


def address(host: str, port: int) -> str:
    """Where a browser finds the viewer."""
    name = socket.gethostname() if host in EVERYWHERE else host
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"


def listening(host: str, port: int, *, or_next: bool = False) -> socket.socket:
    """A socket that accepts connections from now on; on the next free port where one may be.

    Raises:
        OSError: the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    last = min(port + MOST_TRIED, 65_535) if or_next else port
    for tried in range(port, last):
        try:
            return _prompt(socket.create_server((host, tried), family=family))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    return _prompt(socket.create_server((host, last), family=family))


def _prompt(listener: socket.socket) -> socket.socket:
    """The same, whose connections send at once.

    An answer goes out as its head and its body. By Nagle's rule the body would wait for the head to
    be acknowledged, which a client puts off for 40 ms. asyncio turns this off only where a socket
    names its protocol, and those of ``create_server`` do not; accepted ones inherit it.
    """
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
