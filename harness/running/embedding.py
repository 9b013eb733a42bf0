"""Embeddings for any number of texts: packed into requests, tried again, kept across runs."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import ProviderError, RateLimited, RequestRejected, ServerOverloaded
from harness.models.base import EmbeddingModel
from harness.running.cache import LARGEST_BYTES
from harness.running.cache_file import LOCKED_FOR_S, Table, vectors_in
from harness.running.retries import Limits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]

MOST_TEXTS = 256
"""Texts of one request; a server that takes fewer refuses, and is sent half as many."""

MOST_BYTES = 256_000
"""Of the texts of one request. A token is a byte or more: below the hosted 300,000 tokens."""

AT_ONCE = 4
QUOTED = 60


@dataclass(eq=False)
class Asking:
    """Asks one model for many vectors, as long as that can help.

    ``observer`` is told how many texts have theirs.
    """

    model: EmbeddingModel
    limits: Limits = field(default_factory=Limits)
    observer: Callable[[int], None] | None = None
    at_once: int = AT_ONCE
    _most: int = MOST_TEXTS

    async def vectors(self, texts: Sequence[str]) -> list[Vector]:
        """One vector a text; no text may be empty.

        Raises:
            ProviderError: the model did not answer as it should.
        """
        packs = list(packed(texts, self._most))
        found: list[list[Vector]] = [[] for _ in packs]
        done = 0
        waiting = iter(enumerate(packs))

        async def work() -> None:
            nonlocal done
            for place, pack in waiting:
                found[place] = await self._pack(pack)
                done += len(pack)
                if self.observer is not None:
                    self.observer(done)

        async with self.model:
            await all_or_none([work() for _ in range(min(self.at_once, len(packs)))])
        return [vector for pack in found for vector in pack]

    async def _pack(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors of one request, or of two halves where a server refuses it as too large."""
        if len(texts) > self._most:
            return await self._halves(texts)
        try:
            return list(await self._answered(texts))
        except RequestRejected as error:
            if len(texts) == 1:
                raise RequestRejected(f"{error} (the text begins {texts[0][:QUOTED]!r})") from error
            self._most = min(self._most, (len(texts) + 1) // 2)
            return await self._halves(texts)

    async def _halves(self, texts: Sequence[str]) -> list[Vector]:
        middle = (len(texts) + 1) // 2
        return [*await self._pack(texts[:middle]), *await self._pack(texts[middle:])]

    async def _answered(self, texts: Sequence[str]) -> Vector:
        began, failures = time.monotonic(), 0
        while True:
            try:
                return await self.model.embed(texts)
            except ProviderError as error:
                failures += not isinstance(error, RateLimited)
                wait_s = self._wait_s(error, failures)
                too_late = time.monotonic() + wait_s > began + self.limits.deadline_s
                if not error.retryable or too_late or failures >= self.limits.max_attempts:
                    raise
            await asyncio.sleep(wait_s)

    def _wait_s(self, error: ProviderError, failures: int) -> float:
        if isinstance(error, RateLimited | ServerOverloaded) and error.retry_after_s is not None:
            return error.retry_after_s
        doubled = self.limits.first_wait_s * 2.0 ** min(max(failures - 1, 0), 32)
        return min(doubled, self.limits.longest_wait_s)


async def all_or_none(work: Sequence[Awaitable[None]]) -> None:
    """Wait for all; the first error ends the others."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def packed(texts: Sequence[str], most: int = MOST_TEXTS) -> Iterator[list[str]]:
    """The texts in order, as many together as one request may hold."""
    pack: list[str] = []
    size = 0
    for text in texts:
        length = len(text.encode("utf-8", "replace"))
        if pack and (len(pack) == most or size + length > MOST_BYTES):
            yield pack
            pack, size = [], 0
        pack.append(text)
        size += length
    if pack:
        yield pack


# --- across runs ---------------------------------------------------------------------


@dataclass(eq=False)
class VectorCache:
    """Vectors kept under hashes of model, address and text: neither key nor text is written.

    ``place`` is all that tells models of one name apart. What goes wrong with the file is a
    note, and nothing is kept then.
    """

    folder: Path
    place: str
    largest_bytes: int = LARGEST_BYTES
    clock: Callable[[], float] = time.time
    notes: list[str] = field(default_factory=list)

    def get(self, texts: Sequence[str]) -> dict[str, Vector]:
        """The vectors that are kept, by text."""
        import numpy as np

        if self.notes or not vectors_in(self.folder).exists():
            return {}
        try:
            with closing(Table.open(vectors_in(self.folder), LOCKED_FOR_S)) as table:
                rows = {text: table.row(self._key(text)) for text in texts}
                used = [self._key(text) for text, row in rows.items() if row]
                table.write({}, used, int(self.clock()))
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)
            return {}
        return {text: np.frombuffer(row[0], "<f4") for text, row in rows.items() if row}

    def put(self, vectors: Mapping[str, Vector]) -> None:
        """Keep vectors; the file forgets what was not used for longest where it is too large."""
        if self.notes or not vectors:
            return
        rows = {self._key(text): one.astype("<f4").tobytes() for text, one in vectors.items()}
        try:
            with closing(Table.open(vectors_in(self.folder), LOCKED_FOR_S)) as table:
                table.write(rows, (), int(self.clock()))
                table.trim(self.largest_bytes)
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)

    def _key(self, text: str) -> bytes:
        return blake2b(f"{self.place}\n{text}".encode("utf-8", "replace"), digest_size=16).digest()

    def _give_up(self, error: Exception) -> None:
        self.notes.append(
            f"{self.folder}: the cache cannot be used ({error}); embeddings are asked for and not "
            "kept. If it is broken: harness cache clear"
        )
