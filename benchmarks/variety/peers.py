"""The libraries that compute the same metrics, where they can be had, each as one function.

They are installed without what they depend on (one wants torch, for what is not measured here)
into a folder of their own; their single modules are loaded past package files that import more.
"""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

PACKAGES = {
    "fast_bleu": ("fast-bleu==0.0.90",),
    "diversity": ("diversity==0.3.1", "tqdm"),
    "vendi_score": ("vendi-score==0.0.3",),
    "rouge_score": ("rouge-score==0.1.2", "absl-py", "six"),
}
HOME = Path(tempfile.gettempdir()) / "harness-bench-diversity-peers"
UNUSED = ("torch", "datasets", "transformers")
"""Imported by vendi_score's text module, for embeddings."""

Texts = Sequence[str]


@dataclass(frozen=True, slots=True)
class Peer:
    """A library's function, or why there is none."""

    name: str
    call: Callable[..., Any] | None
    missing: str = ""


def peers(install: bool = True) -> dict[str, Peer]:
    """All of them by what they compute; what is not to be had says why."""
    missing = {name: provide(name, packages, install) for name, packages in PACKAGES.items()}
    return {
        "nltk self-BLEU": found("nltk", nltk_bleus),
        "fast-bleu self-BLEU": found("fast_bleu", fast_bleus, missing["fast_bleu"]),
        "diversity distinct-n": found("diversity", plain_distinct, missing["diversity"]),
        "diversity self-repetition": found("diversity", plain_repetition, missing["diversity"]),
        "vendi-score": found("vendi_score", patched_vendi, missing["vendi_score"]),
        "vendi-score vectors": found("vendi_score", vector_vendi, missing["vendi_score"]),
        "rouge-score": found("rouge_score", rouge_pairs, missing["rouge_score"]),
        "sklearn": found("sklearn", mean_distance),
    }


def found(module: str, call: Callable[..., Any], missing: str = "") -> Peer:
    """The peer, if its module can be found."""
    if not missing and importlib.util.find_spec(module) is None:
        missing = "not installed"
    return Peer(module, None if missing else call, missing)


def provide(name: str, packages: Sequence[str], install: bool) -> str:
    """Make a library importable; else why it is not."""
    if str(HOME) not in sys.path:
        sys.path.append(str(HOME))
    if importlib.util.find_spec(name) is not None or not install:
        return ""
    asked = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(HOME)]
    done = subprocess.run([*asked, *packages], capture_output=True, text=True, check=False)
    importlib.invalidate_caches()
    if not done.returncode:
        return ""
    return (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]


def file_of(package: str, module: str) -> ModuleType:
    """One module of a package, without running the package's own file."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f"{package} is not installed")
    path = Path(spec.submodule_search_locations[0]) / f"{module}.py"
    of_file = importlib.util.spec_from_file_location(f"_{package}_{module}", path)
    assert of_file is not None
    assert of_file.loader is not None
    loaded = importlib.util.module_from_spec(of_file)
    of_file.loader.exec_module(loaded)
    return loaded


@contextmanager
def stand_ins(names: Sequence[str]) -> Iterator[None]:
    """Empty modules in place of those that are not installed."""
    made = [name for name in names if importlib.util.find_spec(name) is None]
    for name in made:
        module = ModuleType(name)
        module.__dict__.update(AutoModel=None, AutoTokenizer=None)
        sys.modules[name] = module
    try:
        yield
    finally:
        for name in made:
            del sys.modules[name]


def nltk_bleus(texts: Texts) -> list[float]:
    """Each text's BLEU against the others."""
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    smooth = SmoothingFunction().method1
    tokens = [text.split() for text in texts]
    return [
        sentence_bleu(tokens[:i] + tokens[i + 1 :], words, smoothing_function=smooth)
        for i, words in enumerate(tokens)
    ]


def fast_bleus(texts: Texts) -> list[float]:
    """Each text's BLEU against the others; its threads' time is this process's too."""
    from fast_bleu import SelfBLEU

    weights = {4: (0.25,) * 4}
    return list(SelfBLEU([text.split() for text in texts], weights).get_score()[4])


def plain_distinct(texts: Texts) -> float:
    """The sum of distinct-1 to distinct-4 of the joined texts, rounded."""
    return float(file_of("diversity", "ngram_diversity").ngram_diversity_score(list(texts), 4))


def plain_repetition(texts: Texts) -> float:
    """Self-repetition of 4-grams."""
    repetition = file_of("diversity", "self_repetition").self_repetition_score
    return float(repetition(list(texts), 4, verbose=False))


def patched_vendi(texts: Texts) -> float:
    """vendi_score's n-gram Vendi of orders 1 to 4.

    Patched: it asks sparse matrices for ``.A``, which scipy no longer has.
    """
    import nltk.tokenize  # noqa: F401 - before stand-ins, which what it imports would look into
    from sklearn.preprocessing import normalize

    with stand_ins(UNUSED):
        text_utils = importlib.import_module("vendi_score.text_utils")
    with warnings.catch_warnings(action="ignore"):
        kernels = []
        for n in (1, 2, 3, 4):
            counts = normalize(text_utils.get_ngrams(texts, n=n, tokenizer=str.split))
            kernels.append((counts @ counts.T).toarray())
        return float(text_utils.vendi.score_K(np.stack(kernels).mean(axis=0)))


def vector_vendi(vectors: Any) -> float:
    """vendi_score's Vendi of vectors."""
    vendi = importlib.import_module("vendi_score.vendi")
    n, d = vectors.shape
    with warnings.catch_warnings(action="ignore"):
        return float(vendi.score_X(vectors) if n < d else vendi.score_dual(vectors))


def rouge_pairs(texts: Texts) -> float:
    """The mean ROUGE-L F1 over ordered pairs by rouge_score, on the same tokens."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], tokenizer=Whitespace())
    pairs = [(one, other) for i, one in enumerate(texts) for other in texts[:i]]
    return float(np.mean([scorer.score(a, b)["rougeL"].fmeasure for a, b in pairs]))


class Whitespace:
    """A tokenizer for rouge_score, whose own drops what is not ASCII."""

    def tokenize(self, text: str) -> list[str]:
        """The words."""
        return text.split()


def mean_distance(vectors: Any) -> float:
    """sklearn's matrix of all distances, averaged over pairs."""
    from sklearn.metrics.pairwise import cosine_distances

    n = len(vectors)
    return float(1 - cosine_distances(vectors).sum() / (n * (n - 1)))
