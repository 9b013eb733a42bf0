"""The viewer's socket."""

from __future__ import annotations

import socket

from harness.viewer.serving import listening


def test_connections_send_at_once_what_they_are_given() -> None:
    with (
        listening("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()[:2]),
    ):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
