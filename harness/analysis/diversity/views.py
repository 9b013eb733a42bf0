"""The same encoded texts seen in other sets: as one, or as sets of one answer a prompt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from harness.analysis.diversity.tokens import Corpus, IntArray

FEWEST_TEXTS = 3


@dataclass(frozen=True)
class Views:
    """Texts by prompt, and what is made of them once for all who look."""

    corpus: Corpus

    @property
    def varied(self) -> bool:
        """Whether some prompt has several answers."""
        return int(self.corpus.k.max(initial=0)) > 1

    @cached_property
    def pooled(self) -> Corpus:
        """All texts as one set."""
        one = np.zeros_like(self.corpus.prompts)
        return replace(self.corpus, prompts=one, n_prompts=1, _tables=[])

    @cached_property
    def places(self) -> IntArray:
        """Which answer to its prompt each text is, from 0, (D,)."""
        before = np.cumsum(self.corpus.k) - self.corpus.k
        return np.arange(len(self.corpus.texts)) - before[self.corpus.prompts]

    @cached_property
    def _order(self) -> IntArray:
        """The texts of sets that are large enough, set by set."""
        large = np.bincount(self.places, minlength=1) >= FEWEST_TEXTS
        order = np.lexsort((self.corpus.prompts, self.places))
        return order[large[self.places[order]]]

    @property
    def members(self) -> IntArray:
        """The prompt of each text of the sets."""
        return self.corpus.prompts[self._order]

    @cached_property
    def sets(self) -> Corpus:
        """The first answers of all prompts as one set, the second ones, ...; 3 texts at least."""
        order = self._order
        if not self.varied and order.size:
            return self.pooled
        return reordered(self.corpus, order, self.places[order])


def reordered(corpus: Corpus, order: IntArray, sets: IntArray) -> Corpus:
    """Some of the texts in another order and in other sets, numbered from 0 without a gap."""
    lengths = corpus.lengths[order]
    starts = (np.cumsum(corpus.lengths) - corpus.lengths)[order]
    shift = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
    return replace(
        corpus,
        texts=tuple(corpus.texts[text] for text in order.tolist()),
        prompts=sets,
        ids=corpus.ids[np.arange(int(lengths.sum())) + shift],
        lengths=lengths,
        n_prompts=int(sets.max(initial=-1)) + 1,
        _tables=[],
    )
