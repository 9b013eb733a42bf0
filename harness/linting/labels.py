"""Lints of what answers there are, how many of each, and whether they look right."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from harness.analysis.wilson import wilson_interval
from harness.linting.columns import Columns, folded
from harness.linting.counting import hits, lines_where, so_many
from harness.linting.question import Question, has_labels
from harness.linting.verdicts import Measured, Skipped
from harness.records import Severity
from harness.reports.wording import counted, listed, percent

FOLDS = 5
FEWEST_EXAMPLES = 50
MOST_EXAMPLES = 10_000
FEWEST_OF_A_LABEL = FOLDS
TELLABLE = 0.1
"""How much better than always the most frequent label the small model has to be."""

SURE = 0.01
FEWEST_HELDOUT = 20
NOISE = 0.05
LEAST_RIGHT, MOSTLY = 0.55, 0.75
ENOUGH = 150
"""Of fewer examples a small model learns too little for its doubts alone to be worth a veto: of 50
to 100 sound tickets they would have blocked one file in sixteen."""

NOISIER = 0.05
REPEATS = 5
"""Folds are drawn so often where doubts are counted against each other: chance draws less of it."""

USUAL_REFUSALS = 0.05
"""The tuning guide's example of how many are wanted, where nobody says."""

NOBODY = "5% are taken as wanted; say how many are with --wanted-refusals"
TWICE = 2.0


# --- refusals ------------------------------------------------------------------------


def refusals(question: Question) -> Measured:
    """More refusals in training than are wanted at inference."""
    train = question.train
    found = sum(train.refusals)
    wanted, whose = _wanted_refusals(question)
    value = found / question.n / wanted if wanted else (TWICE + 1 if found else 0.0)
    lines = lines_where(train.lines, lambda i: bool(train.refusals[i]))
    texts = ((line, _answer(train, i)) for i, line in enumerate(train.lines) if train.refusals[i])
    said = f"{so_many(found, question.n, 'answer')} refuse; {whose}"
    if not found or _chance_of_more(found, question.n, wanted) >= SURE:
        return Measured(value, said, lines, hits(texts), most=None)
    return Measured(value, said, lines, hits(texts), "warn" if whose == NOBODY else "block")


def _wanted_refusals(question: Question) -> tuple[float, str]:
    """The share of refusals that is wanted, and who says so."""
    if question.wanted_refusals is not None:
        return question.wanted_refusals, f"{percent(question.wanted_refusals)} are wanted"
    heldout = question.heldout
    if heldout is not None and len(heldout) >= FEWEST_HELDOUT and len(heldout.answers) > 1:
        seen = sum(heldout.refusals)
        most = wilson_interval(seen, len(heldout)).high
        theirs = so_many(seen, len(heldout), "held-out answer")
        said = f"{theirs} do, so that at most {percent(most)} are wanted"
        return most, said
    return USUAL_REFUSALS, NOBODY


def _chance_of_more(found: int, n: int, wanted: float) -> float:
    """How likely so many refusals or more are, if the wanted share were the true one."""
    from scipy.stats import binom

    return float(binom.sf(found - 1, n, wanted))


def _answer(columns: Columns, index: int) -> str:
    return columns.answers.texts[columns.answers.numbers[index]]


# --- balance -------------------------------------------------------------------------


def class_balance(question: Question) -> Measured | Skipped:
    """Labels in other shares than in the held-out data."""
    train, heldout = question.train, question.heldout
    if heldout is None:
        return Skipped("no held-out file; give --heldout FILE")
    if not has_labels(train):
        return Skipped("answers are no labels that come again")
    if len(heldout.answers) == 1 and not heldout.answers.texts[0].strip():
        return Skipped("the held-out data name no answers")
    ours, theirs = _labels(train), _labels(heldout)
    names = sorted(ours | theirs)
    if not ours & theirs:
        return Skipped("the held-out data have other labels altogether: another task")
    pairs = [(ours[name], theirs[name]) for name in names]
    value = _divergence(pairs)
    lacking = [name for name in names if not ours[name]]
    said = f"labels differ from the held-out ones by {value:.2f} bits (Jensen-Shannon)"
    if lacking:
        few = listed([repr(name) for name in lacking[:5]])
        said += f"; training lacks {few}" + (" and more" if len(lacking) > 5 else "")
    furthest = sorted(names, key=lambda name: -_shift(ours, theirs, name))[:5]
    shares = (
        f"{name}: {percent(ours[name] / len(train))} of training, "
        f"{percent(theirs[name] / len(heldout))} of held-out"
        for name in furthest
    )
    first = {
        name: line for line, name in reversed(list(zip(train.lines, _names(train), strict=True)))
    }
    examples = hits((first.get(n, 0), text) for n, text in zip(furthest, shares, strict=True))
    most: Severity | None = "warn" if len(names) > 1 and _differ(pairs) else None
    return Measured(value, said, (), examples, most, {"labels": len(names), "lacking": lacking})


def _names(columns: Columns) -> Sequence[str]:
    texts = [text.strip().casefold() for text in columns.answers.texts]
    return [texts[number] for number in columns.answers.numbers]


def _labels(columns: Columns) -> Counter[str]:
    return Counter(_names(columns))


def _shift(ours: Counter[str], theirs: Counter[str], name: str) -> float:
    return abs(ours[name] / ours.total() - theirs[name] / theirs.total())


def _divergence(pairs: Sequence[tuple[int, int]]) -> float:
    """The Jensen-Shannon divergence in bits, from 0 to 1."""
    from scipy.spatial.distance import jensenshannon

    ours, theirs = zip(*pairs, strict=True)
    return float(jensenshannon(ours, theirs, base=2)) ** 2


def _differ(pairs: Sequence[tuple[int, int]]) -> bool:
    """Is the difference more than chance gives to so few examples (G test)?"""
    from scipy.stats import chi2_contingency

    table = [list(column) for column in zip(*pairs, strict=True)]
    return float(chi2_contingency(table, lambda_="log-likelihood").pvalue) < SURE


# --- wrong labels --------------------------------------------------------------------


def label_noise(question: Question) -> Measured | Skipped:
    """Labels that a model which has not seen the example is sure are others."""
    train = question.train
    if not has_labels(train):
        return Skipped("answers are no labels that come again")
    indices = _with_frequent_labels(train)
    numbers = train.answers.numbers
    labels = sorted({numbers[i] for i in indices})
    if len(indices) < FEWEST_EXAMPLES or len(labels) < 2:
        return Skipped(
            f"takes {FEWEST_EXAMPLES} examples of two labels or more, {FEWEST_OF_A_LABEL} of each"
        )
    if find_spec("cleanlab") is None:
        return Skipped("needs cleanlab: pip install 'finetune-harness[lint]'")
    given = [labels.index(numbers[i]) for i in indices]
    texts = [train.prompts.texts[train.prompts.numbers[i]] for i in indices]
    probabilities = out_of_fold(texts, given)
    if probabilities is None:
        return Skipped("the prompts hold no words to tell the labels by")
    right = float((probabilities.argmax(axis=1) == given).mean())
    usual = Counter(given).most_common(1)[0][1] / len(given)
    if right < usual + TELLABLE * (1 - usual):
        return Skipped(
            f"a small model cannot tell the labels by the prompts' words ({percent(right)} right)"
        )
    issues = _issues(given, probabilities)
    found = wilson_interval(len(issues), len(indices))
    guesses = probabilities.argmax(axis=1)
    names = {number: train.answers.texts[number].strip() for number in labels}
    examples = hits(
        (
            train.lines[indices[i]],
            f"{names[labels[given[i]]]!r}, rather {names[labels[guesses[i]]]!r}: {texts[i]}",
        )
        for i in issues
    )
    sample = (
        "" if len(indices) == len(train) else f" of {counted(len(indices), 'example')} looked at"
    )
    said = f"{percent(found.value)}{sample} seem to have a wrong label"
    lines = sorted(train.lines[indices[i]] for i in issues)
    wrong = int((guesses != given).sum())
    most: Severity = "info"
    if found.low > NOISE:
        easy = len(indices) >= ENOUGH and is_no_hard_task(right, len(issues), wrong)
        shown = easy or is_noisier_than_heldout(question)
        most = "block" if shown else "warn"
    extra = {"low": found.low, "high": found.high, "looked_at": len(indices), "accuracy": right}
    return Measured(found.value, said, lines, examples, most, extra)


def is_no_hard_task(right: float, doubted: int, wrong: int) -> bool:
    """Is the small model good, and sure of nearly all in which it differs?

    Where words hardly tell the labels it is wrong often, too, and sure of less.
    """
    return right >= LEAST_RIGHT and doubted >= MOSTLY * wrong


def is_noisier_than_heldout(question: Question) -> bool:
    """Do words tell the training labels worse than the held-out ones (Fisher's exact test)?

    One model judges both out of fold, so that a hard task is as hard for either. Held-out prompts
    that training asks too are left out: their copies would tell their labels.
    """
    train, heldout = question.train, question.heldout
    if (
        heldout is None
        or len(heldout) < FEWEST_HELDOUT
        or len(heldout) + len(train) > MOST_EXAMPLES
    ):
        return False
    from scipy.stats import fisher_exact

    names = [*_names(train), *_names(heldout)]
    asked = [
        columns.prompts.texts[number]
        for columns in (train, heldout)
        for number in columns.prompts.numbers
    ]
    trained = {folded(text) for text in asked[: len(train)]}
    counts = Counter(names)
    kept = [
        i
        for i, name in enumerate(names)
        if counts[name] >= FEWEST_OF_A_LABEL and (i < len(train) or folded(asked[i]) not in trained)
    ]
    labels = sorted({names[i] for i in kept})
    given = [labels.index(names[i]) for i in kept]
    if len(labels) < 2:
        return False
    probabilities = out_of_fold([asked[i] for i in kept], given, REPEATS)
    if probabilities is None:
        return False
    wrong = probabilities.argmax(axis=1) != given
    ours = sum(i < len(train) for i in kept)
    missed, others = int(wrong[:ours].sum()), int(wrong[ours:].sum())
    table = [[missed, ours - missed], [others, len(kept) - ours - others]]
    return float(fisher_exact(table, alternative="greater").pvalue) < NOISIER


def _with_frequent_labels(train: Columns) -> list[int]:
    """Examples whose label comes often enough to be learnt in every fold; of many, every k-th."""
    counts = train.answers.counts()
    step = -(-len(train) // MOST_EXAMPLES)
    picked = list(range(0, len(train), step))
    if step > 1:
        counts = Counter(train.answers.numbers[i] for i in picked)
    return [i for i in picked if counts[train.answers.numbers[i]] >= FEWEST_OF_A_LABEL]


def out_of_fold(texts: Sequence[str], given: Sequence[int], repeats: int = 1) -> Any:
    """Each text's label probabilities from models that have not seen it, (texts, labels).

    The mean over ``repeats`` draws of folds. Naive Bayes on TF-IDF of words and pairs: as good at
    finding wrong labels as logistic regression (on CLINC150) and a hundred times as fast. None
    where there are no words.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.naive_bayes import MultinomialNB

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=100_000)
    if not any(any(c.isspace() for c in text.strip()) for text in texts):
        vectorizer.set_params(analyzer="char", ngram_range=(1, 3))
    try:
        table = vectorizer.fit_transform(texts)
    except ValueError:
        return None
    model = MultinomialNB(alpha=0.05)
    draws = (StratifiedKFold(FOLDS, shuffle=True, random_state=draw) for draw in range(repeats))
    found = [
        cross_val_predict(model, table, given, cv=folds, method="predict_proba") for folds in draws
    ]
    return sum(found[1:], found[0]) / repeats


def _issues(given: Sequence[int], probabilities: Any) -> list[int]:
    """The examples whose labels confident learning doubts, the most doubtful first."""
    import numpy as np

    with warnings.catch_warnings():  # its progress bars miss a package in notebooks; none is shown
        warnings.filterwarnings("ignore", "IProgress not found")
        from cleanlab.filter import find_label_issues

    found = find_label_issues(
        np.array(given),
        probabilities,
        filter_by="low_self_confidence",
        return_indices_ranked_by="self_confidence",
        n_jobs=1,
    )
    return [int(index) for index in found]
