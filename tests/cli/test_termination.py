"""SIGTERM ends a command as Ctrl-C does."""

from __future__ import annotations

import signal

import pytest

from harness.cli.termination import sigterm_as_ctrl_c, sigterm_left_to_the_run


def test_sigterm_interrupts_and_the_signal_is_left_as_it_was() -> None:
    with pytest.raises(KeyboardInterrupt), sigterm_as_ctrl_c():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_while_answers_are_asked_for_the_runner_has_the_signal() -> None:
    with sigterm_as_ctrl_c():
        with sigterm_left_to_the_run():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL


def test_a_program_keeps_its_own_way() -> None:
    came: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: came.append(number))
    try:
        with sigterm_as_ctrl_c(), sigterm_left_to_the_run():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert came == [signal.SIGTERM]
