"""The journal: one append-only file with every outcome of a run, the truth about it.

The first line says which run it is; every other line is one Outcome (``lines.py``). Of several
lines for one (eval, model, sample, repeat) the last one counts.

What can be lost: every line goes to the operating system before the next answer is taken in,
so the death of this process loses nothing. ``sync`` brings them to the disk; the runner calls
it every ``SYNC_EVERY_S`` seconds, so a power failure loses at most that much of answers.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import orjson

from harness import __version__
from harness.errors import RunFolderError, RunRefused
from harness.records import Outcome
from harness.running.lines import line_of, outcome_of

FORMAT = 1
"""The version of the lines; a journal of another version is not appended to."""

SYNC_EVERY_S = 0.5
HEADER_START = b'{"journal":'
MOST_HEADER = 10_000
"""Bytes of a first line; a longer one is no header."""
LOCK_TRIES = 5
LOCK_PAUSE_S = 0.02

Answer = tuple[str, str, str, int, str]
"""What a line answers: eval, model, sample id, repeat, request key."""

Asked = tuple[str, str]
"""An eval and a model that was asked it."""

ANSWER = ("eval", "model", "sample_id", "repeat", "request_key")


@dataclass(eq=False)
class Journal:
    """A run's journal, open for its only writer; use it as a context manager.

    ``repaired_bytes`` is the length of a torn last line that was cut off on opening.
    One thread appends; ``sync`` may be called from another.
    """

    path: Path
    repaired_bytes: int = 0
    _file: int = -1
    _length: int = 0
    _settled: set[int] = field(default_factory=set, repr=False)
    _unsynced: bool = False
    _syncing: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def open(
        cls, path: Path, run: str, *, resume: bool = False, retry_failed: bool = False
    ) -> Journal:
        """Open the journal of the run with this hash, a new one or (``resume``) an earlier one.

        With ``retry_failed`` the failures that it holds count as not yet asked.

        Raises:
            RunFolderError: another process writes it, it belongs to another run or format, it
                exists and ``resume`` was not said, a line is broken, or it cannot be written.
        """
        journal = cls(path, _file=_opened(path))
        try:
            journal._begin(run, resume=resume, retry_failed=retry_failed)
        except BaseException:
            os.close(journal._file)
            raise
        return journal

    def holds(self, answer: Answer) -> bool:
        """Whether this is answered, or failed for good."""
        return hash(answer) in self._settled

    def append(self, outcome: Outcome) -> None:
        """Write one outcome.

        Raises:
            RunFolderError: the disk is full or broken; the lines before this one are kept.
        """
        self._write(line_of(outcome))
        self._settled.add(hash(_answer(outcome)))

    def append_lines(self, lines: Sequence[bytes]) -> None:
        """Write the lines of outcomes that were made elsewhere.

        Raises:
            RunFolderError: as for ``append``; all of these lines are lost then.
        """
        self._write(b"".join(lines))
        for line in lines:
            fields = orjson.loads(line)
            self._settled.add(hash(tuple(fields[name] for name in ANSWER)))

    def sync(self) -> None:
        """Bring what was appended to the disk."""
        with self._syncing:
            if not self._unsynced or self._file < 0:
                return
            self._unsynced = False
            try:
                os.fsync(self._file)
            except OSError as error:
                if error.errno != errno.EINVAL:  # a device or pipe has nothing to bring
                    raise self._stuck(error) from error

    def close(self) -> None:
        """Bring everything to the disk and let others write."""
        try:
            self.sync()
        finally:
            with self._syncing:
                self._settled = set()  # a closed journal is kept by some for long
                if self._file >= 0:
                    os.close(self._file)
                    self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _begin(self, run: str, *, resume: bool, retry_failed: bool) -> None:
        size = os.fstat(self._file).st_size
        if size and not resume:
            raise RunFolderError(
                f"{self.path}: holds a run already; go on with --resume, or choose another --out"
            )
        for where, line in _lines(self.path, size):
            if where.number == 1:
                _check_header(self.path, line, run)
            else:
                self._settle(where, line, retry_failed=retry_failed)
            self._length = where.end
        self._repair(size)
        if not self._length:
            header = {"journal": FORMAT, "harness": __version__, "run": run}
            self._write(orjson.dumps(header, option=orjson.OPT_APPEND_NEWLINE))
            self.sync()

    def _settle(self, where: _Where, line: Mapping[str, Any], *, retry_failed: bool) -> None:
        try:
            answer = hash(tuple(line[name] for name in ANSWER))
        except (KeyError, TypeError) as error:
            raise _broken(where) from error
        if retry_failed and line.get("failure") is not None:
            self._settled.discard(answer)
        else:
            self._settled.add(answer)

    def _repair(self, size: int) -> None:
        """Cut a torn last line; end a whole one that lacks only its line break."""
        self.repaired_bytes = size - self._length
        if self.repaired_bytes:
            os.ftruncate(self._file, self._length)
        elif size and os.pread(self._file, 1, size - 1) != b"\n":
            self._write(b"\n")

    def _write(self, line: bytes) -> None:
        if self._file < 0:
            raise RunFolderError(f"{self.path}: is closed already; open it again with --resume")
        try:
            written = os.write(self._file, line)
            while written < len(line):
                written += os.write(self._file, line[written:])
        except OSError as error:
            with suppress(OSError):  # what stays torn is repaired on the next opening
                os.ftruncate(self._file, self._length)
            raise self._stuck(error) from error
        self._length += len(line)
        self._unsynced = True

    def _stuck(self, error: OSError) -> RunFolderError:
        return RunFolderError(
            f"{self.path}: cannot be written ({error.strerror}); what was answered before is "
            "kept: make room, then --resume"
        )


# --- opening -------------------------------------------------------------------------


def _opened(path: Path) -> int:
    """The file, locked: the lock goes with the process, however it ends."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise RunRefused(
            f"{path}: cannot be opened ({error.strerror}); choose another --out"
        ) from error
    try:
        _lock(file)
    except BlockingIOError as error:
        os.close(file)
        raise RunRefused(
            f"{path}: another process is writing it; wait for its end or choose another --out"
        ) from error
    except OSError as error:
        os.close(file)
        raise RunRefused(
            f"{path}: this file system cannot lock files ({error.strerror}); "
            "choose an --out on a local disk"
        ) from error
    return file


def _lock(file: int) -> None:
    """Take the writer's lock; whoever only looks (``is_being_written``) has it for a moment."""
    for _ in range(LOCK_TRIES - 1):
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(LOCK_PAUSE_S)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_being_written(path: Path) -> bool:
    """Does a process hold this journal open for writing? Its lock says so, not the clock."""
    try:  # a pipe in a journal's place must not stop whoever looks
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(file)
    return False


def _check_header(path: Path, header: Mapping[str, Any], run: str) -> None:
    if "journal" not in header:
        raise RunFolderError(f"{path}: is no journal; choose another --out")
    if header["journal"] != FORMAT:
        raise RunFolderError(
            f"{path}: has format {header['journal']!r} (harness {header.get('harness')}), this "
            f"harness {__version__} writes format {FORMAT}; resume with that version or begin anew"
        )
    if header.get("run") != run:
        raise RunFolderError(
            f"{path}: belongs to run {str(header.get('run'))[:12]}, this is run {run[:12]}: model, "
            "evals, sampling or data differ; repeat the options of study.yaml beside it, "
            "or choose another --out"
        )


# --- reading -------------------------------------------------------------------------


def run_of(path: Path) -> str | None:
    """The run that a journal says it belongs to; None where it does not say, or is not there."""
    try:
        with path.open("rb") as file:
            header = _parsed(file.readline(MOST_HEADER)) or {}
    except OSError:
        return None
    run = header.get("run")
    return run if isinstance(run, str) else None


def outcomes(path: Path, eval: str | None = None, model: str | None = None) -> Iterator[Outcome]:
    """Every outcome in the order written, one at a time; of one eval or model if named.

    Raises:
        RunFolderError: no such file, no journal, or a broken line (a torn last one is skipped).
    """
    for _, outcome in _outcomes(path, _size(path), eval, model):
        yield outcome


def latest(path: Path, eval: str | None = None, model: str | None = None) -> Iterator[Outcome]:
    """The outcomes that count: the last one of each (eval, model, sample, repeat).

    It reads the file twice and holds a number for each outcome, never the outcomes.

    Raises:
        RunFolderError: as for ``outcomes``.
    """
    size = _size(path)
    last: dict[int, int] = {}
    for number, outcome in _outcomes(path, size, eval, model):
        last[hash(_answer(outcome)[:4])] = number
    for number, outcome in _outcomes(path, size, eval, model):
        if last[hash(_answer(outcome)[:4])] == number:
            yield outcome


class _OpenLines:
    """A file whose lines are read by their offsets, open as long as this lives."""

    CHUNK = 1 << 13

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def at(self, offset: int) -> bytes:
        """The line that begins there, without its line break."""
        line = os.pread(self._file, self.CHUNK, offset)
        while b"\n" not in line:
            more = os.pread(self._file, max(self.CHUNK, len(line)), offset + len(line))
            if not more:
                break
            line += more
        return line.partition(b"\n")[0]

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            os.close(self._file)


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """Where the outcomes that count stand in a journal, by eval and model.

    ``offsets`` are in the order written, ``by_repeat`` first those of repeat 0, then of 1, ...
    The journal stays open for reading as long as this lives.
    """

    path: Path
    lines: _OpenLines = field(repr=False)
    offsets: Mapping[Asked, array[int]]
    by_repeat: Mapping[Asked, array[int]]

    @classmethod
    def of(cls, path: Path) -> Contents:
        """Go through a journal once; a few bytes are held for each outcome.

        Raises:
            RunFolderError: as for ``outcomes``.
        """
        places: dict[Asked, dict[int, dict[int, int]]] = {}
        for where, line in _lines(path, _size(path)):
            if where.number == 1:
                _check_is_journal(path, line)
                continue
            try:
                repeats = places.setdefault((line["eval"], line["model"]), {})
                repeats.setdefault(line["repeat"], {})[hash(line["sample_id"])] = where.start
            except (KeyError, TypeError) as error:
                raise _broken(where) from error
        by_repeat = {key: _in_order_of_repeats(of) for key, of in places.items()}
        offsets = {
            key: array("q", sorted(found)) if len(places[key]) > 1 else found
            for key, found in by_repeat.items()
        }
        return cls(path, _OpenLines(path), offsets, by_repeat)

    @classmethod
    def known(cls, path: Path) -> Contents:
        """A journal whose offsets somebody else knows: `outcome_at` reads it."""
        return cls(path, _OpenLines(path), {}, {})

    def outcomes(self, eval: str, model: str) -> Iterator[Outcome]:
        """The outcomes of one model on one eval, in the order written."""
        return (outcome for _, outcome in self._read(self.offsets, (eval, model)))

    def placed(self, eval: str, model: str) -> Iterator[tuple[int, Outcome]]:
        """Each outcome with its offset, the first repeats first."""
        return self._read(self.by_repeat, (eval, model))

    def outcome_at(self, offset: int) -> Outcome:
        """One outcome, read again."""
        line = orjson.loads(self.lines.at(offset))
        try:
            return outcome_of(line)
        except (KeyError, TypeError, AttributeError) as error:
            raise RunFolderError(
                f"{self.path}: the line at byte {offset:,} is no outcome; remove it, "
                "its sample is then asked again with --resume"
            ) from error

    def _read(
        self, places: Mapping[Asked, array[int]], asked: Asked
    ) -> Iterator[tuple[int, Outcome]]:
        return ((offset, self.outcome_at(offset)) for offset in places.get(asked, ()))


def _in_order_of_repeats(places: Mapping[int, Mapping[int, int]]) -> array[int]:
    return array("q", (at for repeat in sorted(places) for at in sorted(places[repeat].values())))


def _answer(outcome: Outcome) -> Answer:
    sample = (outcome.eval, outcome.model, outcome.sample_id)
    return (*sample, outcome.repeat, outcome.request_key)


def _outcomes(
    path: Path, size: int, eval: str | None, model: str | None
) -> Iterator[tuple[int, Outcome]]:
    for where, line in _lines(path, size):
        if where.number == 1:
            _check_is_journal(path, line)
        elif (eval is None or line.get("eval") == eval) and (
            model is None or line.get("model") == model
        ):
            try:
                outcome = outcome_of(line)
            except (KeyError, TypeError, AttributeError) as error:
                raise _broken(where) from error
            yield where.number, outcome


def _check_is_journal(path: Path, header: Mapping[str, Any]) -> None:
    if "journal" not in header:
        raise RunFolderError(f"{path}: is no journal; name a run folder")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise RunFolderError(
            f"{path}: cannot be read ({error.strerror}); name a run folder"
        ) from error


class _Where(NamedTuple):
    """A line's place: its number from 1, its first byte and the byte after it."""

    path: Path
    number: int
    start: int
    end: int


def _lines(path: Path, size: int) -> Iterator[tuple[_Where, Mapping[str, Any]]]:
    """The parsed lines among the first ``size`` bytes, without a torn last one."""
    if not size:
        return
    end = 0
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            start, end = end, end + len(raw)
            if end > size:
                return
            where = _Where(path, number, start, end)
            line = _parsed(raw)
            if line is not None:
                yield where, line
            elif end < size:
                raise _broken(where)
            elif number == 1 and raw[: len(HEADER_START)] != HEADER_START[: len(raw)]:
                raise RunFolderError(f"{path}: is no journal; choose another --out")


def _parsed(raw: bytes) -> Mapping[str, Any] | None:
    try:
        line = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return line if isinstance(line, dict) else None


def _broken(where: _Where) -> RunFolderError:
    return RunFolderError(
        f"{where.path}:{where.number}: is no outcome; remove this line, "
        "its sample is then asked again with --resume"
    )
