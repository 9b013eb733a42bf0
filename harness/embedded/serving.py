"""Running the API on a socket: until interrupted, or in a thread beside other work."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import uvicorn

from harness.embedded.server import application
from harness.embedded.workshop import Workshop


def serve(
    workshop: Workshop,
    host: str = "127.0.0.1",
    port: int = 8000,
    api_key: str | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve a workshop until interrupted; ``ready`` is told the base URL. Port 0 takes a free one.

    Raises:
        OSError: the address cannot be listened on.
    """
    with listening(host, port) as listener:
        if ready is not None:
            ready(base_url(listener))
        server_of(workshop, api_key).run(sockets=[listener])


@contextmanager
def running_server(
    workshop: Workshop | None = None, api_key: str | None = None, host: str = "127.0.0.1"
) -> Iterator[str]:
    """Serve a workshop in a thread on a free port, and yield its base URL (``http://.../v1``)."""
    with workshop or Workshop() as served, listening(host, 0) as listener:
        server = server_of(served, api_key)
        thread = Thread(target=server.run, args=([listener],), name="server", daemon=True)
        thread.start()
        try:
            yield base_url(listener)
        finally:
            server.should_exit = True
            thread.join()


def server_of(workshop: Workshop, api_key: str | None) -> uvicorn.Server:
    """Return a quiet server of the API."""
    config = uvicorn.Config(
        application(workshop, api_key),
        lifespan="off",
        ws="none",
        log_level="warning",
        timeout_graceful_shutdown=3,
    )
    return uvicorn.Server(config)


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that accepts connections from now on.

    What they send goes out at once: asyncio turns Nagle's rule off only for sockets that name their
    protocol, and by it an answer's body would wait 40 ms for its head to be acknowledged.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=2048)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def base_url(listener: socket.socket) -> str:
    """Return the URL that clients take for a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/v1" if ":" in host else f"http://{host}:{port}/v1"
