"""Where the answers to each sample stand, in columns: a dict of tuples takes five times as much."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Places(Mapping[str, tuple[int, ...]]):
    """The places of each sample's answers, in the order in which these were added."""

    _ids: list[str] = field(default_factory=list)
    """One for each answer."""
    _at: array[int] = field(default_factory=lambda: array("q"))
    _by_id: array[int] = field(default_factory=lambda: array("q"))
    """The rows in the order of their ids; of some rows only, while others are added."""

    def add(self, sample_id: str, place: int) -> None:
        """One more answer to a sample."""
        self._ids.append(sample_id)
        self._at.append(place)

    def only(self, samples: Container[str]) -> Places:
        """The places of some of the samples."""
        some = Places()
        for sample_id, place in zip(self._ids, self._at, strict=True):
            if sample_id in samples:
                some.add(sample_id, place)
        return some

    def __getitem__(self, sample_id: str) -> tuple[int, ...]:
        rows, ids = self._rows(), self._ids
        first = last = bisect_left(rows, sample_id, key=ids.__getitem__)
        while last < len(rows) and ids[rows[last]] == sample_id:
            last += 1
        if first == last:
            raise KeyError(sample_id)
        return tuple(self._at[row] for row in rows[first:last])

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(self._ids))

    def __len__(self) -> int:
        return len(set(self._ids))

    def __bool__(self) -> bool:
        return bool(self._ids)

    def _rows(self) -> array[int]:
        if len(self._by_id) < len(self._ids):
            self._by_id = array("q", sorted(range(len(self._ids)), key=self._ids.__getitem__))
        return self._by_id
