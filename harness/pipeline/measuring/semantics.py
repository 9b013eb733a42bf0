"""How far apart in meaning a run's answers are: measured once, kept in the run's folder.

The file holds one line for each set of answers to a prompt that was measured: a hash of the
texts, and two numbers. So a report made anew asks nobody, and every reader of the folder (the
report, the gate, the advice) sees the same values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from harness.errors import ProviderError, RunFolderError
from harness.pipeline.folder.runfolder import RunFolder
from harness.records import Finding
from harness.reports.document import Document

if TYPE_CHECKING:
    from harness.analysis.diversity import Corpus, Metric
    from harness.analysis.diversity.semantic import Spread
    from harness.pipeline.measuring.embedding import Embedder

NAME, PROMPT, WHOLE = "embeddings", "texts", "whole"
"""What the lines of the file begin with: whose vectors, one set of texts, the end of a report."""

RULE = "embeddings"


class NotEmbedded(Exception):
    """The model gave no vectors; nothing of a report may rest on those that it gave before."""


@dataclass(frozen=True, slots=True)
class Value:
    """The spread of one set of texts; None where it has none, ``without`` texts no direction."""

    vendi: float | None
    dissimilarity: float | None
    without: int = 0


@dataclass(eq=False)
class Semantics:
    """What is known of the meanings in one run folder, and who can tell the rest.

    Without an ``embedder`` nobody is asked; sets of texts that are not known have no value then,
    and are counted as ``unknown``. Without a ``path`` nothing is kept.
    """

    name: str
    embedder: Embedder | None = None
    path: Path | None = None
    known: dict[str, Value] = field(default_factory=dict)
    unknown: int = 0
    used: set[str] = field(default_factory=set)
    is_whole: bool = False
    begins: bool = False
    """Whether the file, if there is one, is another embedder's: its end is the first value."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What a comparison has to confirm its verdict by."""
        from harness.analysis.diversity.semantic import semantic_metrics

        return semantic_metrics(self.spread)

    def spread(self, corpus: Corpus) -> Spread:
        """The spread of each prompt's texts.

        Raises:
            NotEmbedded: the model does not answer as it should.
        """
        import numpy as np

        from harness.analysis.diversity.semantic import Spread, groups_of

        groups = groups_of(corpus)
        keys = [key_of(texts) for texts in groups]
        self._measure({k: t for k, t in zip(keys, groups, strict=True) if k not in self.known})
        self.used.update(keys)
        values = [self.known.get(key, NOTHING) for key in keys]
        return Spread(
            np.array([value.vendi for value in values], dtype=np.float64),
            np.array([value.dissimilarity for value in values], dtype=np.float64),
            np.array([value.without for value in values], dtype=np.int64),
        )

    @property
    def shown_name(self) -> str | None:
        """Whose vectors a report rests on, if it does; to be asked when it is made."""
        return self.name if self.used else None

    def findings(self) -> Iterator[Finding]:
        """Whose vectors they are, and which texts have no part in it."""
        if not self.used:
            text = (
                "embeddings were not used: no eval here has several answers to a prompt to compare"
            )
            yield Finding(RULE, "info", text)
            return
        text = f"the meanings of answers were compared by embeddings of {self.name}"
        yield Finding(RULE, "info", text, {"model": self.name})
        left_out = sum(self.known[key].without > 0 for key in self.used if key in self.known)
        if left_out:
            yield Finding(
                RULE,
                "warn",
                f"{left_out:,} of {len(self.used):,} sets of answers hold an empty text, or one "
                "whose vector is zero: they are left out of what embeddings say",
                {"left_out": left_out, "of": len(self.used)},
            )
        if self.unknown:
            yield Finding(
                RULE,
                "warn",
                f"{self.unknown:,} of {len(self.used):,} sets of answers have no embeddings in "
                "this folder; measure them: harness report FOLDER --embeddings MODEL",
                {"unknown": self.unknown, "of": len(self.used)},
            )
        if self.embedder is not None and self.embedder.cache is not None:
            yield from (Finding("cache", "warn", note) for note in self.embedder.cache.notes)

    def finish(self, *, whole: bool) -> None:
        """Note whether a whole report rests on these values; only then others may use them."""
        if self.embedder is not None and whole != self.is_whole:
            self._write([{WHOLE: whole}])
            self.is_whole = whole

    def _measure(self, wanted: dict[str, Sequence[str]]) -> None:
        if self.embedder is None:
            self.unknown += len(wanted.keys() - self.used)
            return
        if not wanted:
            return
        from harness.analysis.diversity.semantic import spread

        try:
            found = spread(list(wanted.values()), self.embedder.embed)
        except ProviderError as error:
            raise NotEmbedded(str(error)) from error
        rows = zip(
            found.vendi.tolist(),
            found.dissimilarity.tolist(),
            found.without.tolist(),
            strict=True,
        )
        fresh = {key: Value(*map(_finite, row)) for key, row in zip(wanted, rows, strict=True)}
        self.known |= fresh
        self.is_whole = False
        self._write([_line(key, value) for key, value in fresh.items()])

    def _write(self, lines: list[dict[str, Any]]) -> None:
        if self.path is None:
            return
        if self.begins:
            lines = [{NAME: self.name}, *lines]
        try:
            with self.path.open("wb" if self.begins else "ab") as file:
                # A break before each line: one that was cut off spoils no later one.
                file.write(b"".join(b"\n" + orjson.dumps(line) for line in lines))
        except OSError as error:
            raise RunFolderError(f"{self.path}: cannot be written: {error.strerror}") from error
        self.begins = False


NOTHING = Value(None, None)


def key_of(texts: Sequence[str]) -> str:
    """What one set of texts is called in the file."""
    whole = orjson.dumps([text.encode("utf-8", "replace").decode() for text in texts])
    return blake2b(whole, digest_size=16).hexdigest()


def _finite(value: float) -> Any:
    """JSON knows no NaN."""
    return value if value == value else None


def _line(key: str, value: Value) -> dict[str, Any]:
    line: dict[str, Any] = {PROMPT: key, "vendi": value.vendi, "dissimilarity": value.dissimilarity}
    return line | ({"without": value.without} if value.without else {})


def told(
    tell: Callable[[Semantics | None], Document], embedder: Embedder, folder: RunFolder | None
) -> Document:
    """The document that ``tell`` makes with what an embedder says; without it where that fails.

    Nothing of a report may rest on half of it: then the document is made anew, and says so.
    """
    semantics = measured_by(embedder, folder.embeddings if folder else None)
    try:
        document = tell(semantics)
    except NotEmbedded as error:
        semantics.finish(whole=False)
        document = tell(None)
        return replace(document, findings=(*document.findings, _left_out(error, folder)))
    semantics.finish(whole=True)
    return document


def _left_out(error: NotEmbedded, folder: RunFolder | None) -> Finding:
    command = f"harness report {folder.path} --embeddings MODEL" if folder else ""
    return Finding(
        RULE,
        "warn",
        f"embeddings are left out, diversity was judged by words alone: {error}"
        + (f". To measure them later: {command}" if command else ""),
    )


# --- the file ------------------------------------------------------------------------


def kept_in(path: Path) -> Semantics | None:
    """What a folder's file says, nobody being asked; None where no whole report rests on it.

    Raises:
        RunFolderError: the file cannot be read.
    """
    if not path.exists():
        return None
    name, known, whole = _read(path)
    return Semantics(name, known=known) if whole and name else None


def measured_by(embedder: Embedder, path: Path | None) -> Semantics:
    """What an embedder says, or said before. Its first value makes the file forget another's.

    Raises:
        RunFolderError: the file cannot be read.
    """
    if path is None:
        return Semantics(embedder.name, embedder)
    name, known, whole = _read(path) if path.exists() else ("", {}, False)
    if name != embedder.name:
        return Semantics(embedder.name, embedder, path, begins=True)
    return Semantics(embedder.name, embedder, path, known, is_whole=whole)


def _read(path: Path) -> tuple[str, dict[str, Value], bool]:
    """Whose vectors, the values, and whether a whole report rests on them.

    It is not whole where values came after the last whole report. A line that was cut off, as by
    a full disk, is passed over.
    """
    name, known, whole = "", {}, False
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be read: {error.strerror}") from error
    for line in filter(None, lines):
        try:
            said = orjson.loads(line)
            if not isinstance(said, dict):
                raise TypeError("no object")
            if PROMPT in said:
                value = Value(said["vendi"], said["dissimilarity"], said.get("without", 0))
                known[str(said[PROMPT])] = value
                whole = False
            else:
                name = str(said.get(NAME, name))
                whole = said.get(WHOLE, False) is True
        except (ValueError, TypeError, KeyError):
            whole = False
    return name, known, whole
