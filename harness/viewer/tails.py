"""A journal that grows: what is in it so far, read on from where the last look ended."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import orjson

from harness.running.journal import ANSWER, Asked

WINDOW_S = 60.0
"""The rate is that of so many seconds before now."""

CHUNK = 1 << 22


@dataclass(slots=True)
class Counts:
    """What one model answered to one eval so far. ``marks`` is the sum of ``marked`` marks.

    Tokens are those that were paid for: answers from a cache are left out.
    """

    answered: int = 0
    failed: int = 0
    replayed: int = 0
    marked: int = 0
    marks: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def mean(self) -> float | None:
        """The mean mark so far; None before the first one."""
        return self.marks / self.marked if self.marked else None


@dataclass(slots=True)
class Totals:
    """All that a journal holds so far; ``judge`` are tokens of prompts and answers of judges."""

    counts: dict[Asked, Counts] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    judge_prompt_tokens: int = 0
    judge_completion_tokens: int = 0
    unread: int = 0
    """Lines that are no outcome."""

    @property
    def settled(self) -> int:
        """How many answers came or failed."""
        return sum(one.answered + one.failed for one in self.counts.values())


@dataclass(eq=False)
class Tail:
    """One journal's totals. Safe to read from several threads."""

    path: Path
    clock: Callable[[], float] = time.monotonic
    totals: Totals = field(default_factory=Totals)
    _offset: int = 0
    _inode: int = 0
    _failed: dict[int, tuple[Asked, str]] = field(default_factory=dict)
    _seen: deque[tuple[float, int]] = field(default_factory=deque)
    _lock: Lock = field(default_factory=Lock)

    def read(self) -> Totals:
        """The totals, with what was written since the last look."""
        with self._lock:
            try:
                with self.path.open("rb") as file:
                    self._read_on(file)
            except OSError:
                return self.totals
            self._note(self.clock())
            return self.totals

    @property
    def rate(self) -> float | None:
        """Answers a second over the last minute; None before two looks a second apart."""
        if len(self._seen) < 2:
            return None
        (began, first), (now, last) = self._seen[0], self._seen[-1]
        return (last - first) / (now - began) if now - began >= 1 else None

    def _read_on(self, file: Any) -> None:
        state = os.fstat(file.fileno())
        if state.st_size < self._offset or state.st_ino != self._inode:
            self._begin_anew(state.st_ino)
        file.seek(self._offset)
        rest = b""
        while chunk := file.read(CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._offset += len(line) + 1
                self._take(line)

    def _begin_anew(self, inode: int) -> None:
        """Another file stands there: a run that was begun anew."""
        self.totals, self._offset, self._inode = Totals(), 0, inode
        self._failed.clear()
        self._seen.clear()

    def _take(self, raw: bytes) -> None:
        try:
            line = orjson.loads(raw)
            if "journal" in line:
                return
            self._count(line)
        except (ValueError, KeyError, TypeError, AttributeError):
            self.totals.unread += 1

    def _count(self, line: Mapping[str, Any]) -> None:
        place = (line["eval"], line["model"])
        answer = hash(tuple(line[name] for name in ANSWER))
        counts = self.totals.counts.setdefault(place, Counts())
        if answer in self._failed:  # asked again: the last line counts
            counts.failed -= 1
            self.totals.failures[self._failed.pop(answer)[1]] -= 1
        failure = line.get("failure")
        if failure is not None:
            counts.failed += 1
            self.totals.failures[failure["kind"]] += 1
            self._failed[answer] = (place, failure["kind"])
            return
        counts.answered += 1
        self._add_marks(counts, line.get("scores", {}))
        self._add_tokens(counts, line.get("completion") or {})

    def _add_marks(self, counts: Counts, scores: Mapping[str, Any]) -> None:
        """The first score is the eval's own."""
        for place, score in enumerate(scores.values()):
            if place == 0 and score["value"] is not None:
                counts.marked += 1
                counts.marks += score["value"]
            for judged in score.get("judged", ()):
                if not judged.get("replayed"):
                    usage = judged.get("usage") or {}
                    self.totals.judge_prompt_tokens += usage.get("prompt_tokens", 0)
                    self.totals.judge_completion_tokens += usage.get("completion_tokens", 0)

    def _add_tokens(self, counts: Counts, completion: Mapping[str, Any]) -> None:
        if completion.get("replayed"):
            counts.replayed += 1
            return
        for one in completion.get("parts") or (completion,):
            usage = one.get("usage") or {}
            counts.prompt_tokens += usage.get("prompt_tokens", 0)
            counts.completion_tokens += usage.get("completion_tokens", 0)

    def _note(self, now: float) -> None:
        self._seen.append((now, self.totals.settled))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW_S:
            self._seen.popleft()


class Tails:
    """The tails of all journals that somebody looks at."""

    MOST = 64

    def __init__(self) -> None:
        self._tails: dict[Path, Tail] = {}

    def of(self, journal: Path) -> Tail:
        """The tail of a journal."""
        tail = self._tails.pop(journal, None) or Tail(journal)
        self._tails[journal] = tail
        while len(self._tails) > self.MOST:
            del self._tails[next(iter(self._tails))]
        return tail
