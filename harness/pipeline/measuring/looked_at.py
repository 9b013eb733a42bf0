"""Tracks as they stood at an early look: only the samples that had been asked by then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.pipeline.measuring.track import Track
from harness.pipeline.questions.looks import Look, in_order
from harness.records import Sample


@dataclass(frozen=True)
class Part(Mapping[str, Sample]):
    """Some samples of many, in an order of their own; none is held."""

    whole: Mapping[str, Sample]
    ids: tuple[str, ...]
    known: frozenset[str] = field(default=frozenset())

    @classmethod
    def of(cls, whole: Mapping[str, Sample], count: int) -> Part:
        """The first so many in the order of asking."""
        ids = tuple(in_order(list(whole))[:count])
        return cls(whole, ids, frozenset(ids))

    def __getitem__(self, key: str) -> Sample:
        if key not in self.known:
            raise KeyError(key)
        return self.whole[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)


def looked_at(tracks: Sequence[Track], look: Look | None) -> tuple[Track, ...]:
    """The tracks with the samples that had been asked at a look."""
    if look is None:
        return tuple(tracks)
    return tuple(
        replace(track, heldout=Part.of(track.heldout, look.samples[track.spec.name]))
        if track.spec.name in look.samples
        else track
        for track in tracks
    )
