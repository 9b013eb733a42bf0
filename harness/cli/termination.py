"""SIGTERM ends a command as Ctrl-C does, also where no answers are asked for."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM interrupt the block, unless the program has its own way.

    Raises:
        KeyboardInterrupt: it came.
    """
    with _sigterm_by(_interrupt, instead_of=signal.SIG_DFL):
        yield


@contextmanager
def sigterm_left_to_the_run() -> Iterator[None]:
    """Within the other block: whoever asks for answers ends it in order, and needs it free."""
    with _sigterm_by(signal.SIG_DFL, instead_of=_interrupt):
        yield


@contextmanager
def _sigterm_by(handler: object, *, instead_of: object) -> Iterator[None]:
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    if not is_main or before is not instead_of:
        yield
        return
    signal.signal(signal.SIGTERM, handler)  # type: ignore[arg-type]  # one of the two above
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
