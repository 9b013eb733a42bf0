"""The files of a split: what is trained on, what is held out, and an eval (and study) that read it.

Training lines are copied byte for byte. Held-out lines become samples: what was asked is their
``input``, what was to be learnt their ``ideal``; lines that ask the same become one sample.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from harness.datasets.imported import as_lines, as_yaml
from harness.datasets.lines import BOM, PACKED, decoded, items
from harness.errors import UsageError
from harness.linting.columns import folded
from harness.linting.examples import Format, said_by
from harness.linting.splitting import Split, document_of
from harness.whole_file import whole_file

Json = Mapping[str, Any]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
CHARACTERS_A_TOKEN = 3
"""Cautious: an answer that is cut off is marked wrong."""

EPOCHS = [1, 2, 3]
EMBEDDED = "embedded:"
OWN_FIELDS = frozenset(
    {
        *("messages", "prompt", "completion", "tools", "parallel_tool_calls"),
        *("input", "preferred_output", "non_preferred_output", "ideal", "lines"),
    }
)
"""What a sample says otherwise; a line's further fields are kept."""


@dataclass(frozen=True, slots=True)
class SplitFiles:
    """Where a split's files go.

    With an ``eval_name`` a registry folder gets an entry for it, and with a ``base`` a study.
    """

    train: Path
    heldout: Path
    registry: Path | None = None
    eval_name: str = ""
    base: str = ""

    @property
    def eval_file(self) -> Path | None:
        """The eval's entry."""
        return self._of_registry("evals")

    @property
    def study_file(self) -> Path | None:
        """The study's entry."""
        return self._of_registry("studies") if self.base else None

    def _of_registry(self, kind: str) -> Path | None:
        if self.registry is None or not self.eval_name:
            return None
        return self.registry / kind / f"{self.eval_name}.yaml"

    @property
    def all(self) -> list[Path]:
        """Every file that is written."""
        found = (self.train, self.heldout, self.eval_file, self.study_file)
        return [path for path in found if path is not None]


def write_split(split: Split, files: SplitFiles) -> int:
    """Write a split's files, none of which may exist; the number of samples.

    Raises:
        UsageError: a file that exists, or cannot be written; nothing is left behind.
    """
    check_files(split.path, files)
    samples = list(samples_of(split))
    texts: dict[Path, Iterable[bytes]] = {
        files.train: _training_lines(split),
        files.heldout: [as_lines(samples).encode("utf-8", "surrogatepass")],
    }
    if files.eval_file is not None:
        texts[files.eval_file] = [_eval_text(split, files).encode()]
    if files.study_file is not None:
        texts[files.study_file] = [_study_text(split.path, files).encode()]
    _write_all(texts)
    return len(samples)


def check_files(source: Path, files: SplitFiles) -> None:
    """Refuse what would write over something.

    Raises:
        UsageError: a file exists, is packed, or stands there twice.
    """
    if files.eval_name and not NAME.fullmatch(files.eval_name):
        raise UsageError(
            f"--eval {files.eval_name}: write letters, digits, '-' and '_', such as my-task"
        )
    if files.train.absolute() == files.heldout.absolute():
        raise UsageError(f"{files.train}: is to be both files; name two")
    for path in files.all:
        if path.exists() and source.exists() and path.samefile(source):
            raise UsageError(f"{path}: is the file itself; name another, the original stays")
        if path.exists() or path.is_symlink():
            raise UsageError(f"{path}: exists already; remove it or name another")
        if path.suffix in PACKED:
            raise UsageError(f"{path}: is not packed; name it without {path.suffix}")


def _write_all(texts: Mapping[Path, Iterable[bytes]]) -> None:
    """All files or none."""
    path = next(iter(texts))
    try:
        with ExitStack() as opened:
            for path, parts in texts.items():
                opened.enter_context(whole_file(path)).writelines(parts)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from error


def _training_lines(split: Split) -> Iterator[bytes]:
    for place, item in items(split.path):
        if place.number not in split.heldout:
            text = item if isinstance(item, bytes) else _dumped(item)
            yield text.removeprefix(BOM).rstrip(b"\r\n") + b"\n"


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


# --- samples -------------------------------------------------------------------------


def samples_of(split: Split) -> Iterator[dict[str, Any]]:
    """The held-out lines as samples; ``lines`` says which lines each one was."""
    asked: dict[str, dict[str, Any]] = {}
    for place, item in items(split.path):
        if place.number not in split.heldout:
            continue
        value = decoded(item, place)
        found = _sample(value, split)
        known = asked.setdefault(_question(found), found)
        if found is not known and found["ideal"][0] not in known["ideal"]:
            known["ideal"].append(found["ideal"][0])
        known.setdefault("lines", []).append(place.number)
    for sample in asked.values():
        yield {**sample, "ideal": _alone(sample["ideal"])}


def _alone(ideals: list[str]) -> str | list[str]:
    return ideals[0] if len(ideals) == 1 else ideals


def _sample(value: Json, split: Split) -> dict[str, Any]:
    messages, answer, about = ASKED[split.format](value)
    sample: dict[str, Any] = {"input": list(messages), "ideal": [answer]}
    if about.get("tools"):
        sample["tools"] = about["tools"]
    document = document_of(value, split.cluster)
    if document is not None:
        sample["cluster"] = document
    return sample | {key: kept for key, kept in value.items() if key not in {*OWN_FIELDS, *sample}}


def _chat(value: Json) -> tuple[Sequence[Json], str, Json]:
    messages = value["messages"]
    return [_bare(m) for m in messages[:-1]], said_by(messages[-1]), value


def _completion(value: Json) -> tuple[Sequence[Json], str, Json]:
    return [{"role": "user", "content": value["prompt"]}], value["completion"], {}


def _preference(value: Json) -> tuple[Sequence[Json], str, Json]:
    source = value["input"]
    return source["messages"], "\n".join(map(said_by, value["preferred_output"])), source


ASKED: Mapping[Format, Callable[[Json], tuple[Sequence[Json], str, Json]]] = {
    "chat": _chat,
    "prompt and completion": _completion,
    "preference": _preference,
}


def _bare(message: Json) -> Json:
    """A message without its weight, which is for training alone."""
    return {key: value for key, value in message.items() if key != "weight"}


def _question(sample: Json) -> str:
    """What a sample asks, case and white space aside."""
    return folded(orjson.dumps([sample["input"], sample.get("tools")]).decode())


# --- the registry --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stub:
    """How answers of a kind are marked, until somebody knows better."""

    class_name: str
    marks: str
    answers: int = 1


STUBS: Mapping[str, Stub] = {
    "labels": Stub("evals.elsuite.basic.match:Match", "the answer begins with the label"),
    "JSON": Stub("harness.graders.extraction:Extraction", "every field of the JSON is right"),
    "calls": Stub("harness.graders.calls:FunctionCalls", "exactly the right calls are made"),
    "short": Stub(
        "evals.elsuite.basic.fuzzy_match:FuzzyMatch",
        "one holds the other, case and punctuation aside",
    ),
    "text": Stub(
        "harness.graders.generation:Generation",
        "any answer counts: say what a good one is with 'pattern', 'max_words' or a judge "
        "('quality'); see docs/generation-evals.md",
        answers=5,
    ),
}


def _eval_text(split: Split, files: SplitFiles) -> str:
    stub, name = STUBS[split.kind], f"{files.eval_name}.heldout.v1"
    args: dict[str, Any] = {"samples_jsonl": _data_name(files.heldout, files)}
    if stub.answers > 1:
        args |= {"task": "open", "n": stub.answers, "temperature": 1.0}
    else:
        args |= {"task": "one-answer", "temperature": 0}
    args["max_tokens"] = _token_limit(split)
    shown = json.dumps(split.path.name)
    entry = {
        files.eval_name: {
            "id": name,
            "description": f"Held out of {split.path.name}.",
            "metrics": ["accuracy"],
        },
        name: {"class": stub.class_name, "args": args},
    }
    return f"# Made by harness split from {shown}. Marks: {stub.marks}.\n{as_yaml(entry)}"


def _token_limit(split: Split) -> int:
    """Room for the longest answer and half as much again, in eights."""
    tokens = 1.5 * split.longest_answer / CHARACTERS_A_TOKEN
    return max(16, 8 * -int(-tokens // 8))


def _study_text(source: Path, files: SplitFiles) -> str:
    provider = "embedded" if files.base.startswith(EMBEDDED) else "openai"
    study = {
        files.eval_name: {
            "description": f"Does tuning on {source.name} help?",
            "provider": provider,
            "base": files.base.removeprefix(EMBEDDED),
            "training_data": _data_name(files.train, files),
            "evals": [f"{files.eval_name}.heldout.v1"],
            "tune": {"epochs": EPOCHS, "seeds": [1]},
        }
    }
    return as_yaml(study)


def _data_name(path: Path, files: SplitFiles) -> str:
    """A data file as the registry's entries name it."""
    if files.registry is None:
        return str(path)
    data = (files.registry / "data").resolve()
    whole = path.resolve()
    return str(whole.relative_to(data)) if whole.is_relative_to(data) else str(whole)
