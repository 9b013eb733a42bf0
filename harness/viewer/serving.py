"""The viewer on a socket, until interrupted."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from harness.viewer.site import application

LOCAL = ("127.0.0.1", "localhost", "::1")


def serve(
    root: Path,
    host: str,
    port: int,
    token: str | None,
    ready: Callable[[str], None],
    cache: Path | None = None,
) -> None:
    """Serve the runs below ``root`` until interrupted; ``ready`` is told the address.

    Indexes of journals are kept in ``cache``; None: only until the end.

    Raises:
        OSError: the address cannot be listened on.
    """
    with listening(host, port) as listener:
        bound = listener.getsockname()[1]
        name = f"[{host}]" if ":" in host else host
        app = application(root, (host, *LOCAL), token, cache)
        config = uvicorn.Config(app, lifespan="off", ws="none", log_level="warning")
        ready(f"http://{name}:{bound}/")
        uvicorn.Server(config).run(sockets=[listener])


def listening(host: str, port: int) -> socket.socket:
    """A socket that accepts connections from now on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)
