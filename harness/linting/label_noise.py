"""The lint of wrong labels: who doubts them, and is it the labels or the task?"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

from harness.analysis.wilson import wilson_interval
from harness.linting.columns import Columns, folded
from harness.linting.counting import hits
from harness.linting.labels import label_names
from harness.linting.question import Question, has_labels
from harness.linting.verdicts import Hit, Measured, Skipped
from harness.records import Severity
from harness.reports.wording import counted, percent

FOLDS = 5
FEWEST_EXAMPLES = 50
MOST_EXAMPLES = 10_000
FEWEST_OF_A_LABEL = FOLDS
TELLABLE = 0.1
"""How much better than always the most frequent label the small model has to be."""

NOISE = 0.05
LEAST_SKILL, MOSTLY, MOST_SLOPE = 0.4, 0.5, 0.1
SOME_SKILL = 0.25
"""Of the way from always the most frequent label to always right."""

MORE_SKILL, MOST_WEIGHED = 0.15, 100_000
"""How much better a second model may be, and how many examples times labels it takes on."""

ENOUGH = 150
"""Of fewer examples a small model learns too little for its doubts alone to be worth a veto: of 50
to 100 sound tickets they would have blocked one file in sixteen."""

FEWEST_HELDOUT = 20
NOISIER, LEAST_EXCESS = 0.02, 0.08
"""Labels are worse than held-out ones where chance gives as much at most so often, and so many more
are told wrong: sound subsets of CLINC150 differ by five points one time in fifty."""

REPEATS = 5
"""Folds are drawn so often where two parts are held against each other: chance draws less of it."""

SHUFFLES = 999
LEAST_LIKELY = 1e-3
"""A label that a model holds for less likely counts as this: one example must not decide alone."""


def label_noise(question: Question) -> Measured | Skipped:
    """Labels that a model which has not seen the example is sure are others."""
    train = question.train
    if not has_labels(train):
        return Skipped("answers are no labels that come again")
    indices = _with_frequent_labels(train)
    if len(indices) < FEWEST_EXAMPLES or len({train.answers.numbers[i] for i in indices}) < 2:
        return Skipped(
            f"takes {FEWEST_EXAMPLES} examples of two labels or more, {FEWEST_OF_A_LABEL} of each"
        )
    if find_spec("cleanlab") is None:
        return Skipped("needs cleanlab: pip install 'finetune-harness[lint]'")
    found = _among_themselves(train, indices)
    if isinstance(found, Measured) and found.most == "block":
        return found
    beside = beside_heldout(question)
    if beside is None or not beside.is_noisier:
        return found
    if isinstance(found, Measured) and found.evidence["low"] > NOISE:
        return replace(found, most="block")
    return beside.measured(train)


# --- among themselves ----------------------------------------------------------------


def _among_themselves(train: Columns, indices: Sequence[int]) -> Measured | Skipped:
    """Labels that confident learning doubts, on probabilities out of fold."""
    numbers = train.answers.numbers
    labels = sorted({numbers[i] for i in indices})
    given = [labels.index(numbers[i]) for i in indices]
    texts = [train.prompts.texts[train.prompts.numbers[i]] for i in indices]
    probabilities = out_of_fold(texts, given)
    if probabilities is None:
        return Skipped("the prompts hold no words to tell the labels by")
    guesses = probabilities.argmax(axis=1)
    right = float((guesses == given).mean())
    usual = Counter(given).most_common(1)[0][1] / len(given)
    if right < usual + TELLABLE * (1 - usual):
        return Skipped(
            f"a small model cannot tell the labels by the prompts' words ({percent(right)} right)"
        )
    issues = _issues(given, probabilities)
    found = wilson_interval(len(issues), len(indices))
    names = [train.answers.texts[number].strip() for number in labels]
    examples = hits(
        (train.lines[indices[i]], _doubt(names[given[i]], names[guesses[i]], texts[i]))
        for i in issues
    )
    sample = (
        "" if len(indices) == len(train) else f" of {counted(len(indices), 'example')} looked at"
    )
    said = f"{percent(found.value)}{sample} seem to have a wrong label"
    lines = sorted(train.lines[indices[i]] for i in issues)
    most: Severity = "info"
    if found.low > NOISE:
        first = Told(guesses == given, probabilities.max(axis=1), usual, len(issues))
        most = _severity(first, second_opinion(texts, given, usual))
    extra = {"low": found.low, "high": found.high, "looked_at": len(indices), "accuracy": right}
    return Measured(found.value, said, lines, examples, most, extra)


def _doubt(given: str, rather: str, text: str) -> str:
    return f"{given!r}, rather {rather!r}: {text}"


@dataclass(frozen=True, slots=True)
class Told:
    """How words tell labels: what was told right, how surely, how common the usual label is, and
    how many labels are doubted."""

    right: Any
    sureness: Any
    usual: float
    doubted: int

    @property
    def skill(self) -> float:
        """How far from always the usual label (0) to always right (1)."""
        return float((self.right.mean() - self.usual) / (1 - self.usual))

    @property
    def slope(self) -> float:
        """How much oftener the surer half is right than the other half."""
        import numpy as np

        order = np.argsort(-self.sureness, kind="stable")
        surer, other = np.array_split(self.right[order], 2)
        return float(surer.mean() - other.mean())

    @property
    def is_no_hard_task(self) -> bool:
        """Is it labels rather than the task, where so many are doubted?

        Words tell the labels of an easy task, and wrong ones stand anywhere. In a hard one words
        hardly help, or mistakes gather where the model is less sure.
        """
        wrong = int((~self.right).sum())
        sure = self.doubted >= MOSTLY * wrong
        return sure and self.skill >= LEAST_SKILL and self.slope <= MOST_SLOPE

    @property
    def is_noisy(self) -> bool:
        """Are more doubted than good files have?"""
        return wilson_interval(self.doubted, len(self.right)).low > NOISE


def _severity(first: Told, second: Told | None) -> Severity:
    """How grave more doubts than a good file gives are.

    What a model that weighs pairs of words explains better was no wrong label.
    """
    if second is not None and not second.is_noisy:
        return "info"
    enough = len(first.right) >= ENOUGH
    explained = second is not None and second.skill > first.skill + MORE_SKILL
    if first.is_no_hard_task and not explained:
        return "block" if enough else "warn"
    return "warn" if enough and first.skill >= SOME_SKILL else "info"


def second_opinion(texts: Sequence[str], given: Sequence[int], usual: float) -> Told | None:
    """What logistic regression tells out of fold; None where it would take too long."""
    from sklearn.linear_model import LogisticRegression

    if len(texts) * len(set(given)) > MOST_WEIGHED:
        return None
    model = LogisticRegression(C=30, max_iter=300)
    probabilities = out_of_fold(texts, given, model=model)
    right = probabilities.argmax(axis=1) == given
    return Told(right, probabilities.max(axis=1), usual, len(_issues(given, probabilities)))


# --- beside held-out labels ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Beside:
    """How well words tell the training labels, and the held-out ones.

    ``wrong`` and ``wrong_heldout`` are the shares told wrong, ``p_value`` says how often chance
    makes the training labels so much less likely; ``doubted`` are the places of training examples
    told wrong, with the other label, the least likely first.
    """

    wrong: float
    wrong_heldout: float
    p_value: float
    doubted: tuple[tuple[int, str], ...]
    looked_at: int

    @property
    def is_noisier(self) -> bool:
        """More than chance and a harder choice of prompts give?"""
        return self.p_value < NOISIER and self.wrong - self.wrong_heldout >= LEAST_EXCESS

    def measured(self, train: Columns) -> Measured:
        """The same as a finding, with the share of labels that are wrong beyond the task's own."""
        share = (self.wrong - self.wrong_heldout) / (1 - self.wrong_heldout)
        said = (
            f"about {percent(share)} seem to have a wrong label: words tell {percent(self.wrong)} "
            f"of them wrong, {percent(self.wrong_heldout)} of the held-out ones"
        )
        lines = sorted(train.lines[i] for i, _ in self.doubted)
        extra = {"p_value": self.p_value, "looked_at": self.looked_at}
        return Measured(share, said, lines, self._examples(train), "block", extra)

    def _examples(self, train: Columns) -> tuple[Hit, ...]:
        answers, prompts = train.answers, train.prompts
        return hits(
            (
                train.lines[i],
                _doubt(
                    answers.texts[answers.numbers[i]].strip(),
                    rather,
                    prompts.texts[prompts.numbers[i]],
                ),
            )
            for i, rather in self.doubted
        )


def beside_heldout(question: Question) -> Beside | None:
    """Hold training labels against held-out ones; None where there are too few to tell.

    One model judges both out of fold, so that a hard task is as hard for either, and labels are
    compared with their like, because the parts may mix them otherwise. Held-out prompts that
    training asks too are left out: their copies would tell their labels.
    """
    train, heldout = question.train, question.heldout
    if (
        heldout is None
        or len(heldout) < FEWEST_HELDOUT
        or len(heldout) + len(train) > MOST_EXAMPLES
    ):
        return None
    names = [*label_names(train), *label_names(heldout)]
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
    shared = {names[i] for i in kept if i < len(train)} & {
        names[i] for i in kept if i >= len(train)
    }
    kept, labels = [i for i in kept if names[i] in shared], sorted(shared)
    ours = sum(i < len(train) for i in kept)
    if len(labels) < 2 or len(kept) - ours < FEWEST_HELDOUT:
        return None
    given = [labels.index(names[i]) for i in kept]
    probabilities = out_of_fold([asked[i] for i in kept], given, REPEATS)
    return (
        None if probabilities is None else _held_against(probabilities, given, ours, kept, labels)
    )


def _held_against(
    probabilities: Any, given: Sequence[int], ours: int, kept: Sequence[int], labels: Sequence[str]
) -> Beside:
    """Judge the first ``ours`` rows of (examples, labels) against the others."""
    import numpy as np

    places = np.arange(len(given))
    likely = np.log(np.maximum(probabilities[places, given], LEAST_LIKELY))
    guesses = probabilities.argmax(axis=1)
    wrong = guesses != given
    order = [i for i in np.argsort(likely[:ours], kind="stable").tolist() if wrong[i]]
    excess = _excess_weights(given, ours)
    return Beside(
        wrong=float(wrong[:ours].mean()),
        wrong_heldout=float(wrong[:ours].mean() - excess @ wrong),
        p_value=_chance_of_less(likely, excess, given),
        doubted=tuple((kept[i], labels[guesses[i]]) for i in order),
        looked_at=ours,
    )


def _excess_weights(given: Sequence[int], ours: int) -> Any:
    """Weights whose sum of values is the mean of ours minus that of the others, with our labels'
    shares."""
    import numpy as np

    labels = np.asarray(given)
    trained, heldout = np.bincount(labels[:ours]), np.bincount(labels[ours:])
    weights = np.full(len(labels), 1 / ours)
    weights[ours:] = -(trained / heldout)[labels[ours:]] / ours
    return weights


def _chance_of_less(values: Any, weights: Any, given: Sequence[int]) -> float:
    """How often values shuffled within their labels have as low a weighted sum (permutation)."""
    import numpy as np

    random, labels = np.random.default_rng(0), np.asarray(given)
    places = np.lexsort((weights, labels))
    sorted_weights, seen = weights[places], weights @ values
    lower = sum(
        sorted_weights @ values[np.lexsort((random.random(len(labels)), labels))] <= seen
        for _ in range(SHUFFLES)
    )
    return float((1 + lower) / (1 + SHUFFLES))


# --- the small model -----------------------------------------------------------------


def _with_frequent_labels(train: Columns) -> list[int]:
    """Examples whose label comes often enough to be learnt in every fold; of many, every k-th."""
    counts = train.answers.counts()
    step = -(-len(train) // MOST_EXAMPLES)
    picked = list(range(0, len(train), step))
    if step > 1:
        counts = Counter(train.answers.numbers[i] for i in picked)
    return [i for i in picked if counts[train.answers.numbers[i]] >= FEWEST_OF_A_LABEL]


def out_of_fold(
    texts: Sequence[str], given: Sequence[int], repeats: int = 1, model: Any = None
) -> Any:
    """Each text's label probabilities from models that have not seen it, (texts, labels).

    The mean over ``repeats`` draws of folds, on TF-IDF of words and pairs. Without another
    ``model`` naive Bayes: as good at finding wrong labels as logistic regression (on CLINC150) and
    a hundred times as fast. None where there are no words.
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
    model = model or MultinomialNB(alpha=0.05)
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
