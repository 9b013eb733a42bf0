"""Verbatim copying: generations that repeat a training completion."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.analysis.diversity.folding import cut_folded
from harness.analysis.diversity.gramtable import BoolArray
from harness.analysis.diversity.ngrams import text_of_token, tokens_left
from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    FloatArray,
    Groups,
    IntArray,
    Tokenizer,
    integers,
)
from harness.analysis.stats import wilson_interval
from harness.records import Estimate

if TYPE_CHECKING:
    import pandas as pd

RUN = 13  # words; 50 tokens count as "verbatim" in the memorisation literature
ABSENT = -1
CHUNK = 10_000  # training items looked up at a time, to bound memory

Tokens = IntArray
"""The numbers of a text's tokens, equal ones alike over all texts."""


@dataclass(frozen=True, slots=True)
class CopyReport:
    """How many generations copy, and from where.

    ``rate`` has a Wilson interval that takes the texts as independent; with several per
    prompt, take the mean of `per_prompt_copy_rate` instead. ``sources`` holds, for each
    text, the index of the first training item that it copies, or None.
    """

    rate: Estimate
    sources: tuple[int | None, ...]
    run: int


def copy_rate(
    texts: Sequence[str],
    training: Sequence[str],
    run: int = RUN,
    *,
    prompts: Sequence[str] | None = None,
    tokenizer: Tokenizer = DEFAULT_TOKENIZER,
) -> CopyReport:
    """The share of texts that share a run of ``run`` tokens with a training completion.

    ``prompts``, one a text, excuse what a text took from its own prompt. A training
    completion shorter than ``run`` is copied by a text equal to it, case and whitespace
    aside; where short answers are right answers, that says nothing about memorisation.
    Subtract the base model's rate before reading it. NaN for no texts.
    Source: 13-gram overlap of Brown 2020; per text as in Carlini 2023.

    Raises:
        ValueError: run < 1, or not one prompt a text.
    """
    if prompts is not None and len(prompts) != len(texts):
        raise ValueError(f"{len(prompts)} prompts for {len(texts)} texts; give one a text")
    generated, asked, learned = numbered_tokens(texts, prompts, training, tokenizer)
    sources = np.minimum(
        run_sources(generated, learned, run, asked), whole_sources(generated, learned, run, asked)
    )
    copied = tuple(int(s) if s < len(training) else None for s in sources)
    return CopyReport(share(copied), copied, run)


def numbered_tokens(
    texts: Sequence[str],
    prompts: Sequence[str] | None,
    training: Sequence[str],
    tokenizer: Tokenizer,
) -> tuple[list[Tokens], list[Tokens] | None, list[Tokens]]:
    """The tokens of texts, prompts and training items, case aside."""
    cut = cut_folded([*texts, *(prompts or ()), *training], tokenizer)
    parts = np.split(cut.ids, np.cumsum(cut.lengths))[:-1]
    own, both = len(texts), len(texts) + len(prompts or ())
    return parts[:own], None if prompts is None else parts[own:both], parts[both:]


def written(tokens: Tokens) -> str:
    """The numbers as a text, to be looked for in another one."""
    return " ".join(map(str, tokens.tolist()))


def per_prompt_copy_rate(
    groups: Groups,
    training: Sequence[str],
    run: int = RUN,
    *,
    prompts: Sequence[str] | None = None,
    tokenizer: Tokenizer = DEFAULT_TOKENIZER,
) -> FloatArray:
    """`copy_rate` of each prompt's texts, shape (prompts,); NaN where it has none.

    ``prompts`` holds one text per group.
    """
    texts = [text for group in groups for text in group]
    sizes = [len(group) for group in groups]
    if prompts is not None and len(prompts) != len(groups):
        raise ValueError(f"{len(prompts)} prompts for {len(groups)} groups; give one a group")
    asked = prompts and [prompts[g] for g, size in enumerate(sizes) for _ in range(size)]
    report = copy_rate(texts, training, run, prompts=asked, tokenizer=tokenizer)
    copied = np.array([source is not None for source in report.sources], dtype=np.float64)
    parts = np.split(copied, np.cumsum(sizes)[:-1])
    return np.array([part.mean() if part.size else math.nan for part in parts])


def share(sources: Sequence[int | None]) -> Estimate:
    """The share of texts that have a source."""
    if not sources:
        return Estimate(math.nan, 0.0, 1.0, 0, "Wilson")
    return wilson_interval(sum(source is not None for source in sources), len(sources))


def run_sources(
    texts: Sequence[Tokens], training: Sequence[Tokens], run: int, prompts: Sequence[Tokens] | None
) -> IntArray:
    """For each text the first training item that shares a run with it, else their number."""
    index = RunIndex.of(texts, run)
    sources = index.first_occurrence(training)[index.grams]
    if prompts is not None:
        sources = np.where(index.in_own(prompts), len(training), sources)
    first = np.full(len(texts), len(training))
    np.minimum.at(first, index.documents, sources)
    return first


def whole_sources(
    texts: Sequence[Tokens], training: Sequence[Tokens], run: int, prompts: Sequence[Tokens] | None
) -> IntArray:
    """For each text the first training item shorter than a run that it equals."""
    short: dict[str, int] = {}
    for number, tokens in enumerate(training):
        if 0 < len(tokens) < run:
            short.setdefault(written(tokens), number)
    asked = [written(tokens) for tokens in prompts] if prompts else [""] * len(texts)
    whole = [written(tokens) for tokens in texts]
    return integers(
        len(training) if f" {text} " in f" {prompt} " else short.get(text, len(training))
        for text, prompt in zip(whole, asked, strict=True)
    )


@dataclass(frozen=True, slots=True)
class RunIndex:
    """All runs of ``run`` tokens of some texts, to be found in other texts exactly.

    ``documents`` and ``grams`` (M,) list the runs by text; equal runs share a gram id below
    ``size``. ``known`` are the tokens that the texts have, ``levels`` the pairs of shorter grams
    that make up each longer one: another text that lacks a pair drops out early, so that long
    training sets cost little.
    """

    known: BoolArray
    levels: tuple[tuple[int, int, pd.Index[Any]], ...]
    documents: IntArray
    grams: IntArray
    size: int

    @classmethod
    def of(cls, texts: Sequence[Tokens], run: int) -> RunIndex:
        """Index the runs of the texts.

        Raises:
            ValueError: run < 1.
        """
        import pandas as pd

        if run < 1:
            raise ValueError(f"run is {run}; a run has at least one token")
        ids, lengths = stream(texts)
        left, size = tokens_left(lengths), int(ids.max(initial=0)) + 1
        known = np.zeros(size + 1, dtype=bool)  # the last stands for all that are not there
        known[ids] = True
        starts, levels = np.arange(ids.size), []
        for width, step in doublings(run):
            starts = np.flatnonzero(left >= width + step)
            codes, pairs = pd.factorize(ids[starts] * size + ids[starts + step])
            levels.append((step, size, pd.Index(pairs)))
            ids = ids.copy()
            ids[starts], size = codes, max(1, len(pairs))
        documents = text_of_token(lengths)[starts]
        return cls(known, tuple(levels), documents, ids[starts], size)

    def find(self, texts: Sequence[Tokens]) -> tuple[IntArray, IntArray]:
        """The indexed runs in other texts: the text and the gram id of each, in order."""
        ids, lengths = stream(texts)
        documents = text_of_token(lengths)
        is_known = self.known[np.minimum(ids, self.known.size - 1)]
        ids, starts = np.where(is_known, ids, ABSENT), np.flatnonzero(is_known)
        for step, size, pairs in self.levels:
            starts = starts[starts + step < ids.size]
            starts = starts[documents[starts] == documents[starts + step]]
            starts = starts[ids[starts + step] != ABSENT]
            longer = np.full(ids.size, ABSENT)
            longer[starts] = pairs.get_indexer(ids[starts] * size + ids[starts + step])
            ids, starts = longer, starts[longer[starts] != ABSENT]
        return documents[starts], ids[starts]

    def first_occurrence(self, texts: Sequence[Tokens]) -> IntArray:
        """For each gram the first of the texts that has it, else their number; (size,)."""
        first = np.full(self.size, len(texts))
        for start, chunk in chunks(texts):
            documents, grams = self.find(chunk)
            np.minimum.at(first, grams, documents + start)
        return first

    def in_own(self, partners: Sequence[Tokens]) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Whether each run (M,) also occurs in the partner of its own text."""
        documents, grams = self.find(partners)
        return np.isin(self.documents * self.size + self.grams, documents * self.size + grams)


def stream(texts: Sequence[Tokens]) -> tuple[IntArray, IntArray]:
    """The tokens of all texts one after the other, and how many each has."""
    return np.concatenate([integers([]), *texts]), integers(map(len, texts))


def doublings(run: int) -> Iterator[tuple[int, int]]:
    """The (width, step) pairs by which grams of 1 token grow to ``run`` tokens."""
    width = 1
    while width < run:
        step = min(width, run - width)
        yield width, step
        width += step


def chunks(texts: Sequence[Tokens]) -> Iterator[tuple[int, Sequence[Tokens]]]:
    """The texts in pieces, each with the index of its first."""
    for start in range(0, len(texts), CHUNK):
        yield start, texts[start : start + CHUNK]
