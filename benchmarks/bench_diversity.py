"""What the diversity metrics cost, against the libraries that compute the same.

``python benchmarks/bench_diversity.py [--texts N] [--nltk-texts M] [--rounds R]``

CPU seconds of this process, tokenizing included, best of R rounds. nltk's self-BLEU is quadratic
in the number of texts: it runs on M of them and is scaled by (N / M)^2. Libraries that are not
installed are left out. Texts have about 100 words with frequencies as in natural text.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from harness.analysis import diversity, leakage
from harness.analysis.diversity.bleu import text_bleus

VOCABULARY, WORDS = 20_000, 100
PROMPTS, K = 200, 16

Row = tuple[str, float, str, float]
"""What, our CPU seconds, the peer's name, its CPU seconds (0: none)."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--nltk-texts", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    texts = natural_texts(options.texts)
    diversity.compare_diversity([texts[:9]] * 3, [texts[9:18]] * 3)  # imports, once
    print(f"{'CPU seconds':34}{'harness':>9}  {'peer':24}{'peer':>9}{'ratio':>9}")
    for name, ours, peer, theirs in rows(texts, options.nltk_texts, options.rounds):
        versus = f"  {peer:24}{theirs:>9.3f}{theirs / ours:>8.0f}x" if theirs else ""
        print(f"{name:34}{ours:>9.4f}{versus}")


def natural_texts(count: int) -> list[str]:
    """Random texts whose words follow Zipf's law."""
    rng = np.random.default_rng(0)
    odds = 1 / np.arange(1, VOCABULARY + 1)
    lengths = rng.integers(WORDS - 20, WORDS + 20, count)
    words = rng.choice(VOCABULARY, int(lengths.sum()), p=odds / odds.sum())
    parts = np.split(words, np.cumsum(lengths)[:-1])
    return [" ".join(f"w{word}" for word in part) for part in parts]


def rows(texts: list[str], nltk_texts: int, rounds: int) -> Iterator[Row]:
    """Measure one line of the table after the other."""
    n = len(texts)

    def best(work: Callable[[], object]) -> float:
        return min(cpu_seconds(work) for _ in range(rounds))

    ours = best(lambda: diversity.self_bleu(texts, tokenizer="whitespace"))
    few = texts[:nltk_texts]
    scale = (n / len(few)) ** 2
    yield f"self-BLEU, N={n}", ours, f"nltk (N={len(few)}, scaled)", best_nltk([few]) * scale
    if peer := peer_call("fast_bleu", lambda m: m.SelfBLEU([t.split() for t in texts]).get_score()):
        yield f"self-BLEU, N={n}", ours, "fast_bleu", best(peer)

    groups = [natural_texts(PROMPTS * K)[p * K : (p + 1) * K] for p in range(PROMPTS)]
    ours = best(lambda: diversity.per_prompt_self_bleu(groups, tokenizer="whitespace"))
    scaled = best_nltk(groups[: PROMPTS // 10]) * 10
    yield f"self-BLEU, {PROMPTS} x {K}", ours, f"nltk ({PROMPTS // 10} prompts, x 10)", scaled
    ours = best(lambda: diversity.compare_diversity(groups, groups))
    yield f"compare_diversity, 2 x {PROMPTS} x {K}", ours, "", 0.0

    for name, call in metrics(texts).items():
        yield f"{name}, N={n}", best(call), "", 0.0
    ours = best(lambda: diversity.vendi(texts, max_n=4))
    if peer := peer_call("vendi_score", lambda _: ngram_vendi(texts)):
        yield f"Vendi of 1..4-grams, N={n}", ours, "vendi_score", best(peer)
    vectors = np.random.default_rng(0).normal(size=(n, 384))
    ours = best(lambda: diversity.mean_pairwise_cosine(vectors))
    if peer := peer_call("sklearn", lambda _: cosine_distances(vectors)):
        yield f"mean cosine, {n} x 384", ours, "sklearn cosine_distances", best(peer)

    training = natural_texts(100_000)
    yield (
        f"copy rate, {n} of 100,000",
        best_once(lambda: diversity.copy_rate(texts, training)),
        "",
        0,
    )
    near = best_once(lambda: leakage.near_overlap(training[:10_000], texts))
    yield f"near overlap, {n} of 10,000", near, "", 0.0


def metrics(texts: list[str]) -> dict[str, Callable[[], object]]:
    """The metrics that no peer here computes."""
    return {
        "distinct-4": lambda: diversity.distinct_n(texts, 4),
        "self-repetition-4": lambda: diversity.self_repetition(texts),
        "Vendi of words": lambda: diversity.vendi(texts),
        "ROUGE-L homogenization": lambda: diversity.rouge_l_homogenization(texts),
    }


def best_nltk(groups: list[list[str]]) -> float:
    """CPU seconds of nltk's self-BLEU; its scores must equal ours to the last bit."""
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    smooth = SmoothingFunction().method1
    start = time.process_time()
    theirs = [
        sentence_bleu(tokens[:i] + tokens[i + 1 :], words, smoothing_function=smooth)
        for tokens in ([text.split() for text in group] for group in groups)
        for i, words in enumerate(tokens)
    ]
    spent = time.process_time() - start
    if theirs != text_bleus(diversity.encode(groups, "whitespace")).tolist():
        raise SystemExit("self-BLEU differs from nltk's")
    return spent


def peer_call(module: str, call: Callable[[Any], object]) -> Callable[[], object] | None:
    """A call of a library, if it is installed."""
    if importlib.util.find_spec(module) is None:
        return None
    library = importlib.import_module(module)
    return lambda: call(library)


def cosine_distances(vectors: Any) -> object:
    """sklearn's matrix of all distances, averaged."""
    from sklearn.metrics.pairwise import cosine_distances

    return cosine_distances(vectors).mean()


def ngram_vendi(texts: list[str]) -> object:
    """vendi_score's own n-gram Vendi."""
    from vendi_score import text_utils

    return text_utils.ngram_vendi_score(texts, ns=[1, 2, 3, 4], tokenizer=str.split)


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


best_once = cpu_seconds


if __name__ == "__main__":
    main()
