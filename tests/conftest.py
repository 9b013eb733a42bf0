"""What tests of several rooms share.

The embedded model's server, a task to tune it on, and the reference package where it is there.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest

from harness.embedded.corpus import sentence
from harness.embedded.serving import running_server
from harness.embedded.workshop import Workshop

LABELS = {"billing": "A", "travel": "B", "cooking": "C"}
Example = dict[str, list[dict[str, str]]]
GOLDEN = Path(__file__).parents[2] / "shared" / "golden"


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


# --- the reference package -----------------------------------------------------------


@pytest.fixture(scope="session")
def reference_registry() -> Path:
    """The registry folder of the reference package, found without importing it."""
    spec = importlib.util.find_spec("evals")
    folders = list(spec.submodule_search_locations or []) if spec else []
    if not folders or not (Path(folders[0]) / "registry" / "evals").is_dir():
        pytest.skip("the reference package evals is not installed")
    return Path(folders[0]) / "registry"


@pytest.fixture(scope="session")
def reference(reference_registry: Path) -> Iterator[ModuleType]:
    """The reference package, imported; its registry builds a client, which wants a key."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("OPENAI_API_KEY", "not a key")
        try:
            importlib.import_module("evals.registry")
            importlib.import_module("evals.elsuite.basic.json_match")
        except ImportError as error:
            pytest.skip(f"the reference package evals cannot be imported: {error}")
        yield importlib.import_module("evals")


@pytest.fixture(scope="session")
def golden() -> Path:
    """Logs written by the reference implementation."""
    if not GOLDEN.is_dir():
        pytest.skip(f"no golden logs at {GOLDEN}")
    return GOLDEN


@pytest.fixture(scope="session")
def keyed_server() -> Iterator[str]:
    """The embedded model behind a key that nobody has."""
    from harness.embedded.serving import running_server

    with running_server(api_key="the-right-key") as base_url:
        yield base_url
