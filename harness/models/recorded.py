"""A model that repeats answers from a file: a journal of an earlier run, or a JSONL of completions.

A line of such a JSONL says whom it answers (``request_key``, ``messages``, ``prompt`` or
``sample_id``; optionally ``model``) and what (``completion``, ``text`` or a list
``completions``). Several answers to one prompt are its repeats, in the file's order. A journal
answers the same requests again, whatever the model is called now. docs/recorded.md has it all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import orjson

from harness.errors import DatasetError, ModelNotFound, NotRecorded, TooFewChoices, did_you_mean
from harness.messages import content_text, prompt_text
from harness.models.wire import usage_of
from harness.records import Completion, Request

ANYONE = ""
"""The model of a line that names none: it answers for every model."""

PROMPT_START = 60
JOURNAL = "journal.jsonl"


@dataclass(eq=False)
class RecordedProvider:
    """Answers requests from a file; every completion is marked as replayed.

    ``path`` is a JSONL, a journal or a run folder, with ``#MODEL`` behind it where the answers
    of one of its models are wanted; a journal of a single model needs no such name.
    A request finds its answers by its key, else by its exact messages, else by its prompt's
    text (all of it or the last message), else by its sample's id. The file stays on disk:
    only places in it are held.

    Raises:
        DatasetError: on entry; a file or line that cannot be read, by file and line.
    """

    path: Path
    _places: dict[bytes, list[int]] = field(default_factory=dict, repr=False)
    _models: tuple[str, ...] = ()
    """The models of a journal."""
    _only: str | None = None
    """Whose answers are repeated; None: those of the model that is asked for."""
    _file: BinaryIO | None = field(default=None, repr=False)

    async def __aenter__(self) -> Self:
        path, self._only = located(self.path)
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise DatasetError(
                f"{path}: cannot be read ({error.strerror}); name a journal, run folder or JSONL"
            ) from error
        try:
            self._places, self._models = _places(path, self._file)
            self._choose_model(path)
        except BaseException:
            self._file.close()
            raise
        return self

    def _choose_model(self, path: Path) -> None:
        """A journal of one model repeats that one's answers, whatever the name asked for."""
        if self._models and self._only is not None and self._only not in self._models:
            near = did_you_mean(self._only, self._models)
            raise DatasetError(f"{path}: holds no answers of {self._only!r}{near}")
        if len(self._models) == 1:
            self._only = self._models[0]

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    async def complete(self, request: Request) -> tuple[Completion, ...]:
        """Return the recorded answers to this request.

        Raises:
            NotRecorded: the file has none; TooFewChoices: it has fewer than asked for;
                ModelNotFound: the answers of several models, and not of this one.
        """
        await asyncio.sleep(0)  # an answer without waiting would starve the event loop
        if self._models and self._only is None and request.model not in self._models:
            raise ModelNotFound(
                f"{self.path}: holds answers of {len(self._models)} models; name one as "
                f"recorded:{self.path}#MODEL: {', '.join(self._models)}"
            )
        if self._only is not None:
            request = replace(request, model=self._only)
        wanted = request.sampling.n
        found = self._answers(request)
        if not found:
            raise NotRecorded(
                f"{self.path}: no answer is recorded for model {request.model!r} to "
                f"{_start(request)!r} (repeat {request.repeat}){self._repair()}"
            )
        if len(found) < wanted:
            raise TooFewChoices(
                f"{self.path}: only {len(found)} of {wanted} answers are recorded to "
                f"{_start(request)!r}; record the others or ask for fewer",
                tuple(found),
            )
        return tuple(found[:wanted])

    def _repair(self) -> str:
        if self._models:
            return " asked like this; use the run's own eval, sampling and number of choices"
        return "; record it or drop the sample"

    def _answers(self, request: Request) -> list[Completion]:
        by_key = self._read(_place("request_key", ANYONE, request.key))
        if by_key:
            return by_key
        first = request.repeat * request.sampling.n
        for kind, value in _names(request):
            for model in (request.model, ANYONE):
                found = self._read(_place(kind, model, value))
                if found:
                    return found[first : first + request.sampling.n]
        return []

    def _read(self, place: bytes) -> list[Completion]:
        if self._file is None:
            raise RuntimeError("enter the provider first: `async with provider:`")
        found: list[Completion] = []
        for offset in self._places.get(place, ()):
            self._file.seek(offset)
            found += map(_completion, _recorded(orjson.loads(self._file.readline())))
        return found


def located(path: Path) -> tuple[Path, str | None]:
    """The file behind ``PATH`` or ``PATH#MODEL``, and that model; a folder stands for its journal.

    Raises:
        DatasetError: a folder without a journal.
    """
    place, model = path, ""
    if not path.exists():
        name, _, model = str(path).partition("#")
        place = Path(name)
    if place.is_dir():
        if not (place / JOURNAL).exists():
            raise DatasetError(f"{place}: holds no {JOURNAL}; name a run folder or a JSONL")
        place /= JOURNAL
    return place, model or None


def _names(request: Request) -> Iterator[tuple[str, object]]:
    """Under which names a request may be recorded, the surest first."""
    yield "messages", request.messages
    yield "prompt", prompt_text(request.messages)
    if request.messages:
        yield "prompt", content_text(request.messages[-1].get("content"))
    if request.sample_id is not None:
        yield "sample_id", request.sample_id


def _place(kind: str, model: str, value: object) -> bytes:
    name = orjson.dumps((kind, model, value), option=orjson.OPT_SORT_KEYS)
    return blake2b(name, digest_size=16).digest()


def _start(request: Request) -> str:
    text = content_text(request.messages[-1].get("content")) if request.messages else ""
    return text if len(text) <= PROMPT_START else text[:PROMPT_START] + "…"


# --- the file ------------------------------------------------------------------------

IDENTITIES = ("request_key", "messages", "prompt", "sample_id")
Line = tuple[int, int, Mapping[str, Any]]
"""Offset in bytes, number from 1, content."""


def _places(path: Path, file: BinaryIO) -> tuple[dict[bytes, list[int]], tuple[str, ...]]:
    """Where in the file the answers to each name are; and of a journal, whose they are."""
    lines = _lines(path, file)
    first = next(lines, None)
    if first is None:
        raise DatasetError(f"{path}: is empty; record answers first")
    if "journal" in first[2]:
        return _journal_places(lines)
    places: dict[bytes, list[int]] = {}
    for offset, number, line in chain([first], lines):
        for place in _line_places(f"{path}:{number}", line):
            places.setdefault(place, []).append(offset)
    return places, ()


def _lines(path: Path, file: BinaryIO) -> Iterator[Line]:
    """Every line that holds something. A journal's last one may be cut off by a crash."""
    offset, is_journal = 0, False
    for number, raw in enumerate(file, start=1):
        if raw.strip():
            try:
                line = orjson.loads(raw)
            except orjson.JSONDecodeError as error:
                if is_journal and not raw.endswith(b"\n"):
                    return
                raise DatasetError(f"{path}:{number}: is not JSON ({error}); remove it") from error
            if not isinstance(line, dict):
                raise DatasetError(f"{path}:{number}: is not a JSON object; see the first lines")
            is_journal = is_journal or "journal" in line
            yield offset, number, line
        offset += len(raw)


def _journal_places(lines: Iterator[Line]) -> tuple[dict[bytes, list[int]], tuple[str, ...]]:
    """A journal's answers by request key; of several to one repeat the last, in repeat order."""
    repeats: dict[bytes, dict[int, int]] = {}
    models: dict[str, None] = {}
    for offset, _, line in lines:
        if line.get("completion") is not None:
            models[str(line.get("model"))] = None
            place = _place("request_key", ANYONE, line.get("request_key"))
            repeats.setdefault(place, {})[int(line.get("repeat", 0))] = offset
    places = {
        place: [offset for _, offset in sorted(offsets.items())]
        for place, offsets in repeats.items()
    }
    return places, tuple(models)


def _line_places(where: str, line: Mapping[str, Any]) -> Iterator[bytes]:
    named = [kind for kind in IDENTITIES if line.get(kind) is not None]
    if not named:
        raise DatasetError(f"{where}: does not say what it answers; add one of {IDENTITIES}")
    answers = _recorded(line)
    if not answers or not all(isinstance(_answer_text(answer), str) for answer in answers):
        raise DatasetError(f"{where}: has no answer; add a 'completion' or a list 'completions'")
    for kind in named:
        model = ANYONE if kind == "request_key" else str(line.get("model") or ANYONE)
        yield _place(kind, model, line[kind])


def _recorded(line: Mapping[str, Any]) -> list[Any]:
    """The answers on a line, each a text or an object with a text."""
    if isinstance(line.get("completions"), list):
        return list(line["completions"])
    if line.get("completion") is not None:
        return [line["completion"]]
    return [line] if line.get("text") is not None else []


def _answer_text(answer: object) -> object:
    return answer.get("text") if isinstance(answer, Mapping) else answer


def _completion(answer: Any) -> Completion:
    if not isinstance(answer, Mapping):
        return Completion(answer, replayed=True)
    reason, latency_s = answer.get("finish_reason"), answer.get("latency_s")
    logprobs, calls = answer.get("logprobs"), answer.get("tool_calls")
    return Completion(
        answer["text"],
        reason if isinstance(reason, str) else None,
        usage_of(answer.get("usage")),
        float(latency_s) if isinstance(latency_s, int | float) else 0.0,
        replayed=True,
        logprobs=tuple(logprobs) if isinstance(logprobs, list) else None,
        tool_calls=tuple(calls) if isinstance(calls, list) else (),
    )
