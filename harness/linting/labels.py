"""Lints of what answers there are, how many of each, and whether they look right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.analysis.wilson import wilson_interval
from harness.linting.columns import Columns
from harness.linting.counting import hits, lines_where, so_many
from harness.linting.question import Question, has_labels
from harness.linting.verdicts import Measured, Skipped
from harness.records import Severity
from harness.reports.wording import listed, percent

SURE = 0.01
FEWEST_HELDOUT = 20
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
    named = list(zip(train.lines, label_names(train), strict=True))
    first = {name: line for line, name in reversed(named)}
    examples = hits((first.get(n, 0), text) for n, text in zip(furthest, shares, strict=True))
    most: Severity | None = "warn" if len(names) > 1 and _differ(pairs) else None
    return Measured(value, said, (), examples, most, {"labels": len(names), "lacking": lacking})


def label_names(columns: Columns) -> Sequence[str]:
    """The answer of every example as a label: case and white space aside."""
    texts = [text.strip().casefold() for text in columns.answers.texts]
    return [texts[number] for number in columns.answers.numbers]


def _labels(columns: Columns) -> Counter[str]:
    return Counter(label_names(columns))


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
