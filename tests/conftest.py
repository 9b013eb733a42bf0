"""What tests of several rooms share: the embedded model's server, and a task to tune it on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness.embedded.corpus import sentence
from harness.embedded.serving import running_server
from harness.embedded.workshop import Workshop

LABELS = {"billing": "A", "travel": "B", "cooking": "C"}
Example = dict[str, list[dict[str, str]]]


@pytest.fixture(scope="session")
def embedded_server() -> Iterator[str]:
    """The base URL (``http://127.0.0.1:<port>/v1``) of a server of the embedded model."""
    with running_server() as base_url:
        yield base_url


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    """The embedded model without a server."""
    with Workshop() as workshop:
        yield workshop


def triage_examples(count: int, seed: int) -> list[Example]:
    """Sentences of three topics with a letter for each: the base model cannot know the letters."""
    random = Random(seed)
    topics = [random.choice(sorted(LABELS)) for _ in range(count)]
    return [
        {
            "messages": [
                {"role": "user", "content": sentence(random, topic)},
                {"role": "assistant", "content": LABELS[topic]},
            ]
        }
        for topic in topics
    ]


def as_jsonl(examples: list[Any]) -> str:
    """Examples, one a line."""
    return "".join(json.dumps(example) + "\n" for example in examples)


@pytest.fixture(scope="session")
def triage_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A training file of 24 examples and a validation file of 8."""
    folder = tmp_path_factory.mktemp("triage")
    training, validation = folder / "train.jsonl", folder / "valid.jsonl"
    training.write_text(as_jsonl(triage_examples(24, seed=1)))
    validation.write_text(as_jsonl(triage_examples(8, seed=2)))
    return training, validation
