"""The samples of a file as a mapping that holds their places and reads them when asked."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

from harness.datasets.lines import Place, decoded, is_seekable
from harness.datasets.samples import (
    LAYOUTS,
    Reading,
    cluster_in,
    id_prefix,
    picked_starts,
    read_samples,
)
from harness.records import Sample

CLUSTER = b'"cluster"'
LONGEST_INDEX = 20


def clusters(samples: Mapping[str, Sample]) -> Mapping[str, str]:
    """The document of each sample that names one, by sample id."""
    if isinstance(samples, SampleFile):
        return samples.clusters
    return {key: sample.cluster for key, sample in samples.items() if sample.cluster is not None}


class Starts(Mapping[str, int]):
    """The first byte of each sample's line, by id.

    An id is made of the sample's index in the file, so eight bytes hold both.
    """

    def __init__(self, prefix: str, starts: Iterable[tuple[int, int]]) -> None:
        self._prefix = prefix
        self._at = array("q")
        """By index in the file; that of a sample that was not picked is below 0."""
        self._count = 0
        for index, start in starts:
            self._at.extend([-1] * (index - len(self._at)))
            self._at.append(start)
            self._count += 1

    def __getitem__(self, sample_id: str) -> int:
        number = sample_id.rpartition(".")[2]
        index = int(number) if number.isdecimal() and len(number) < LONGEST_INDEX else -1
        known = 0 <= index < len(self._at) and sample_id == self._id(index)
        if not known or self._at[index] < 0:
            raise KeyError(sample_id)
        return self._at[index]

    def __iter__(self) -> Iterator[str]:
        return (self._id(index) for index, start in enumerate(self._at) if start >= 0)

    def __len__(self) -> int:
        return self._count

    def _id(self, index: int) -> str:
        return f"{self._prefix}.{index}"


class SampleFile(Mapping[str, Sample]):
    """Samples by id, in the file's order; a few bytes are held for each, never its texts.

    The file stays open as long as the mapping lives.
    """

    def __init__(self, path: Path, reading: Reading, starts: Mapping[str, int]) -> None:
        self._path, self._reading, self._starts = path, reading, starts
        self._file = path.open("rb")

    def __getitem__(self, sample_id: str) -> Sample:
        """Read one sample."""
        start = self._starts[sample_id]
        self._file.seek(start)
        line = self._file.readline().partition(b"\r")[0]
        place = Place(self._path, 0, start=start)
        return LAYOUTS[self._reading.layout](decoded(line, place), sample_id, place, self._reading)

    @cached_property
    def clusters(self) -> Mapping[str, str]:
        """The documents of those samples that name one; the file is read once for them."""
        found = {}
        for key, start in self._starts.items():
            self._file.seek(start)
            line = self._file.readline()
            if CLUSTER in line:
                place = Place(self._path, 0, start=start)
                cluster = cluster_in(decoded(line.partition(b"\r")[0], place))
                if cluster is not None:
                    found[key] = cluster
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._starts)

    def __len__(self) -> int:
        return len(self._starts)

    def __contains__(self, sample_id: object) -> bool:
        return sample_id in self._starts

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()


def samples_by_id(
    path: Path, eval_name: str, reading: Reading, *, max_samples: int | None = None
) -> Mapping[str, Sample]:
    """The samples that ``read_samples`` streams, to look up by id.

    Those of a folder, a packed file or a JSON list are held: there is no reading at a place.

    Raises:
        DatasetError: as for ``read_samples``; of a line itself when it is looked up.
    """
    if not is_seekable(path):
        read = read_samples(path, eval_name, reading, max_samples=max_samples)
        return {sample.id: sample for sample in read}
    starts = Starts(id_prefix(eval_name), picked_starts(path, max_samples))
    return SampleFile(path, reading, starts)
