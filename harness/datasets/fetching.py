"""Loading a data set that an eval names by address, once, into a file beside the others."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from harness.errors import DatasetError
from harness.whole_file import whole_file

Row = Mapping[str, Any]

QUESTIONS: Mapping[str, Callable[[Row], dict[str, Any]]] = {
    "hellaswag": lambda row: {
        "question": row["ctx"],
        "answers": list(row["endings"]),
        "label": int(row["label"]),
    },
    "hendrycks_test": lambda row: {
        "question": row["question"],
        "answers": list(row["choices"]),
        "label": int(row["answer"]),
    },
}
"""Data sets of multiple choice that OpenAI evals knows, and where they keep what."""


def fetch(address: str, path: Path) -> None:
    """Write a data set of Hugging Face as lines with question, answers and label.

    A file that is there already is kept as it is. ``address`` is such as
    ``hf://hellaswag?split=validation``.

    Raises:
        DatasetError: an unknown data set, no package to load it with, or it does not load.
    """
    if path.exists():
        return
    parts = urlsplit(address)
    line_of = QUESTIONS.get(parts.netloc)
    if line_of is None:
        raise DatasetError(
            f"{address}: unknown data set (known: {', '.join(QUESTIONS)}); give a .jsonl file"
            " whose lines have question, answers and label"
        )
    rows = _rows(address, parts.netloc, dict(parse_qsl(parts.query)))
    try:
        with whole_file(path) as file:
            for row in rows:
                file.write(json.dumps(line_of(row), ensure_ascii=False).encode() + b"\n")
    except OSError as error:
        raise DatasetError(f"{path}: cannot be written ({error.strerror})") from error


def _rows(address: str, name: str, options: Mapping[str, str]) -> Iterator[Row]:
    try:
        load_dataset = importlib.import_module("datasets").load_dataset
    except (ImportError, AttributeError) as error:  # a folder of that name can stand for it
        raise DatasetError(
            f"{address}: loading it needs the package datasets: pip install datasets; or give a"
            " .jsonl file whose lines have question, answers and label"
        ) from error
    try:
        yield from load_dataset(name, **options)
    except Exception as error:
        raise DatasetError(f"{address}: does not load ({type(error).__name__}: {error})") from error
