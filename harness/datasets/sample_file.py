"""The samples of a file as a mapping that holds their places and reads them when asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from harness.datasets.lines import Place, decoded, is_seekable
from harness.datasets.samples import LAYOUTS, Reading, cluster_in, picked_items, read_samples
from harness.records import Sample

CLUSTER = b'"cluster"'


def clusters(samples: Mapping[str, Sample]) -> Mapping[str, str]:
    """The document of each sample that names one, by sample id."""
    if isinstance(samples, SampleFile):
        return samples.clusters
    return {key: sample.cluster for key, sample in samples.items() if sample.cluster is not None}


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
    found = picked_items(path, eval_name, max_samples)
    return SampleFile(path, reading, {key: place.start for key, place, _ in found})
