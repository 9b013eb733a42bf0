"""From files to Samples and TrainingExamples. Streams, checks and hashes; changes nothing."""

from harness.datasets.fetching import fetch
from harness.datasets.hashes import file_hash
from harness.datasets.sample_file import clusters, samples_by_id
from harness.datasets.samples import Reading, count_samples, ordered, read_few_shot, read_samples
from harness.datasets.training import read_training, scan_training

__all__ = [
    "Reading",
    "clusters",
    "count_samples",
    "fetch",
    "file_hash",
    "ordered",
    "read_few_shot",
    "read_samples",
    "read_training",
    "samples_by_id",
    "scan_training",
]
