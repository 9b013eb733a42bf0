"""Texts left in their file: where each answer of each prompt stands, and reading them there."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.datasets.lines import Place, is_seekable, json_value
from harness.errors import DatasetError, UsageError
from harness.pipeline.texts.fields import Answered, Layout
from harness.pipeline.texts.files import read_texts
from harness.pipeline.texts.textset import Gathering, Reading, Tell, TextSet, kept_texts, silent

IntArray = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Source:
    """A file, and how a line of it is read; without a layout it is a text."""

    path: Path
    layout: Layout | None

    def texts(self, spots: Spots) -> list[str]:
        """The texts at these spots.

        Raises:
            DatasetError: the file is not what it was.
        """
        found, read, at = [], [""], -1
        try:
            with self.path.open("rb") as file:
                for start, nth in zip(spots.starts.tolist(), spots.nth.tolist(), strict=True):
                    if start != at:
                        file.seek(start)
                        read, at = self._read(file.readline(), start), start
                    found.append(read[nth])
        except (OSError, IndexError, UnicodeDecodeError, DatasetError) as error:
            raise DatasetError(f"{self.path}: changed while it was read; try again") from error
        return found

    def _read(self, line: bytes, start: int) -> list[str]:
        line = line.rstrip(b"\r\n").partition(b"\r")[0]
        if self.layout is None:
            return kept_texts(Answered((line.decode().strip(),)))
        return kept_texts(self.layout.read(json_value(line, Place(self.path, 0, start=start))))


@dataclass(frozen=True, slots=True)
class Spots:
    """Where D texts stand: the first byte of each one's line, and which answer of it it is."""

    starts: IntArray
    nth: Int32Array

    def at(self, places: slice | IntArray) -> Spots:
        """Some of them."""
        return Spots(self.starts[places], self.nth[places])


@dataclass(frozen=True, eq=False)
class PlacedTexts(Mapping[str, tuple[str, ...]]):
    """The answers of each prompt, read from the file when they are asked for.

    ``k`` (P,) says how many there are, ``spots`` where, prompt after prompt.
    """

    source: Source
    numbers: Mapping[str, int]
    k: IntArray
    spots: Spots

    def __getitem__(self, key: str) -> tuple[str, ...]:
        number = self.numbers[key]
        end = int(self._ends[number])
        return tuple(self.source.texts(self.spots.at(slice(end - int(self.k[number]), end))))

    def __iter__(self) -> Iterator[str]:
        return iter(self.numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    @cached_property
    def _ends(self) -> IntArray:
        return np.cumsum(self.k)

    def first(self, k: int) -> PlacedTexts:
        """The first k answers of each prompt that has so many."""
        kept = self.k >= k
        place = np.arange(int(self.k.sum())) - np.repeat(self._ends - self.k, self.k)
        texts = np.flatnonzero(np.repeat(kept, self.k) & (place < k))
        keys = (key for key, number in self.numbers.items() if kept[number])
        return PlacedTexts(
            self.source,
            {key: number for number, key in enumerate(keys)},
            np.full(int(kept.sum()), k),
            self.spots.at(texts),
        )


@dataclass(slots=True)
class PlaceGathering(Gathering):
    """Gathers where texts stand, not the texts."""

    path: Path = Path()
    numbers: dict[str, int] = field(default_factory=dict)
    _prompts: array[int] = field(default_factory=lambda: array("i"))
    _starts: array[int] = field(default_factory=lambda: array("q"))
    _kept: array[int] = field(default_factory=lambda: array("i"))

    def keep(self, key: str, texts: Sequence[str], place: object) -> None:
        """Remember the line."""
        if not isinstance(place, Place):
            raise TypeError(f"{place!r} is no place in a file")
        self._prompts.append(self.numbers.setdefault(key, len(self.numbers)))
        self._starts.append(place.start)
        self._kept.append(len(texts))

    def kept(self) -> Mapping[str, tuple[str, ...]]:
        """The texts by prompt, each prompt's in the order of the file."""
        prompts, kept = np.array(self._prompts), np.array(self._kept)
        order = np.argsort(prompts, kind="stable")
        several = kept[order]
        nth = np.arange(int(several.sum())) - np.repeat(np.cumsum(several) - several, several)
        spots = Spots(np.repeat(np.array(self._starts)[order], several), nth.astype(np.int32))
        k = np.bincount(prompts, kept, len(self.numbers)).astype(np.int64)
        return PlacedTexts(Source(self.path, self.laid_out), self.numbers, k, spots)


def _gathering(path: Path) -> Gathering:
    return PlaceGathering(path=path) if is_seekable(path) else Gathering()


def placed_texts(place: str, reading: Reading | None = None, tell: Tell = silent) -> list[TextSet]:
    """`read_texts` with the texts of lines left where they are."""
    return read_texts(place, reading, tell, _gathering)


def first_of(source: TextSet, k: int) -> TextSet:
    """`TextSet.first` without reading texts.

    Raises:
        UsageError: no prompt has so many.
    """
    groups = source.groups
    if not isinstance(groups, PlacedTexts):
        return source.first(k)
    kept = groups.first(k)
    if not kept:
        most = int(groups.k.max(initial=0))
        raise UsageError(f"--k {k}: {source.name} has at most {most} to a prompt; give fewer")
    few = {f"prompts with fewer than {k} answers": len(groups) - len(kept)}
    left_out = {why: count for why, count in {**source.left_out, **few}.items() if count}
    return replace(source, groups=kept, left_out=left_out)
