"""Lints of whether the answer can be known from the prompt: facts, fields, anonymous names."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import product

from harness.linting.columns import Columns, folded
from harness.linting.counting import hits, share_of
from harness.linting.grounding import json_object
from harness.linting.question import Question, has_labels, is_extraction
from harness.linting.verdicts import Measured, Skipped
from harness.records import Severity
from harness.reports.wording import counted, percent

FEWEST_STATING = 10
COPIED = 0.5
"""A JSON field is copied from the prompt where at least this share of its values stands there."""

IDENTIFIER = re.compile(
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
    r"|(?<!\w)#\d{2,}\b"
    r"|\b[A-Za-z]{2,}[_-]\d+\b|\b[A-Za-z]{3,}\d{3,}\b"
    r"|\b(?=[A-Fa-f]*\d)(?=\d*[A-Fa-f])[0-9A-Fa-f]{8,}\b",
    re.ASCII,
)
NUMBERED = frozenset(
    {
        *("user", "customer", "client", "patient", "member", "employee", "agent", "author"),
        *("student", "case", "account", "id"),
    }
)
"""What stands for somebody or something without saying which: numbers alone may be amounts."""

MADE_UP = re.compile(r"[a-z]+_\d+")
"""Numbers of orders and tickets stand in many prompts and decide nothing; these are no such."""

MACHINES = frozenset(
    {
        *(
            "host",
            "node",
            "server",
            "worker",
            "pod",
            "vm",
            "container",
            "cluster",
            "disk",
            "device",
        ),
        *("job", "task", "build", "run", "process", "thread", "request", "req", "trace", "span"),
        *("session", "txn", "transaction", "order", "invoice", "ticket", "batch", "queue", "shard"),
    }
)
"""What logs number; it decides no answer by itself."""

ASKED_WITH, SOME = 0.5, 0.1
LONG_NUMBER = 4
RARE = 5
RARE_SHARE = 0.8
SHUFFLES = 200
MOST_SHUFFLED = 400
SURE = 0.05


# --- ungrounded answers --------------------------------------------------------------


def ungrounded(question: Question) -> Measured | Skipped:
    """Numbers and names in answers that the prompts do not hold."""
    columns = question.train
    if has_labels(columns) or is_extraction(columns):
        return Skipped("answers are labels or JSON, not text")
    if len(columns.grounding) < FEWEST_STATING:
        return Skipped(f"fewer than {FEWEST_STATING} answers state numbers or names")
    stated = sum(found.stated for found in columns.grounding)
    absent = sum(found.absent for found in columns.grounding)
    offending = [found for found in columns.grounding if found.absent]
    said = (
        f"{percent(absent / stated)} of {counted(stated, 'number')} and names in answers are not in"
        " their prompts"
    )
    at = {line: index for index, line in enumerate(columns.lines)}
    examples = hits(
        (f.line, f"{f.example!r} in: {columns.answers.texts[columns.answers.numbers[at[f.line]]]}")
        for f in offending
    )
    lines = [found.line for found in offending]
    most: Severity = "info" if question.task == "open" else "warn"
    return Measured(absent / stated, said, lines, examples, most)


def ungrounded_fields(question: Question) -> Measured | Skipped:
    """Fields that are copied from the prompt, except where it does not hold them."""
    columns = question.train
    if not is_extraction(columns):
        return Skipped("answers are not JSON objects")
    copied = {
        name: seen
        for name, seen in columns.fields.items()
        if seen.seen >= FEWEST_STATING and seen.grounded >= COPIED * seen.seen
    }
    if not copied:
        return Skipped("no field of the answers is copied from the prompts")
    invented = {name: found for name, seen in copied.items() if (found := seen.invented)}
    derived = _derived(columns, set(copied), set(invented))
    invented = {name: found for name, found in invented.items() if name not in derived}
    lines = [line for found in invented.values() for line, _ in found]
    examples = [(found[0][0], f"{name}: {found[0][1]}") for name, found in invented.items()]
    names = ", ".join(copied)
    says = f"say what their prompt does not hold (fields that are copied: {names})"
    return share_of(lines, question.n, says, examples)


def _derived(columns: Columns, copied: set[str], invented: set[str]) -> set[str]:
    """Fields that another one always tells, as a city does its country: they can be learnt.

    The other one stands in the prompt, and recurs so often that this is no chance.
    """
    if not invented or len(copied) < 2:
        return set()
    told: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    recurred: Counter[tuple[str, str]] = Counter()
    for index in range(min(len(columns), MOST_READ)):
        given = folded(columns.prompts.texts[columns.prompts.numbers[index]])
        found = json_object(columns.answer(index)) or {}
        values = {name: folded(str(found[name])) for name in copied if name in found}
        held = [name for name, value in values.items() if value and value in given]
        for source, name in product(held, invented & values.keys()):
            pair = source, name
            recurred[pair] += values[source] in told[pair]
            if told[pair].setdefault(values[source], values[name]) != values[name]:
                told[pair][SEVERAL] = ""
    return {
        name
        for (source, name), by in told.items()
        if source != name
        and SEVERAL not in by
        and recurred[source, name] >= max(FEWEST_STATING, len(by))
        and len(set(by.values())) > 1
    }


MOST_READ = 20_000
SEVERAL = "\0"
"""Stands for a value that goes with several of another field."""


# --- opaque identifiers --------------------------------------------------------------


def opaque_identifiers(question: Question) -> Measured | Skipped:
    """Names such as author_207 that decide the answer and mean nothing to the model."""
    named = _identified(question.train)
    if len(named) < ASKED_WITH * question.n or len(named) < FEWEST_STATING:
        return Skipped("few prompts name something like author_207")
    ids = Counter(name for _, name in named)
    rare = sum(count < RARE for count in ids.values()) / len(ids)
    unseen = _unseen(question, set(ids))
    value = max(rare, unseen or 0.0)
    torn = _torn(question.train, named)
    p_shuffled = _p_shuffled(question.train, named)
    recur = len(named) >= RARE * len(ids) and has_labels(question.train)
    if recur and torn >= COPIED and p_shuffled is not None and p_shuffled >= SURE:
        value = 1.0
    evidence = {
        "ids": len(ids),
        "rare": rare,
        "unseen_in_training": unseen,
        "asked_alike": torn,
        "p_shuffled": p_shuffled,
    }
    said = _told(evidence, named[0][1])
    lines = [question.train.lines[index] for index, _ in named]
    prompts = question.train.prompts
    examples = hits((question.train.lines[i], prompts.texts[prompts.numbers[i]]) for i, _ in named)
    made_up = sum(is_made_up(name) for _, name in named)
    most: Severity = "warn" if torn >= SOME or made_up >= ASKED_WITH * len(named) else "info"
    most = "block" if torn >= COPIED else most
    return Measured(value, said, lines, examples, most, evidence)


def _told(evidence: Mapping[str, float | None], name: str) -> str:
    ids, rare, torn = evidence["ids"] or 0, evidence["rare"] or 0.0, evidence["asked_alike"] or 0.0
    said = f"{counted(int(ids), 'name')} such as {name}, {percent(rare)} of them in fewer than"
    said += f" {RARE} examples"
    unseen, p = evidence["unseen_in_training"], evidence["p_shuffled"]
    if unseen is not None:
        said += f", {percent(unseen)} of the held-out ones in none"
    said += f"; {percent(torn)} of the prompts differ in the name alone and have other answers"
    if p is not None and p >= SURE:
        said += "; shuffling the names changes nothing: they carry no signal"
    elif p is not None:
        said += "; answers to one name are alike: it decides, and has to be learnt by heart"
    return said


def is_made_up(name: str) -> bool:
    """Does a name such as author_207 stand for somebody, or for nothing that is known?"""
    word, _, _ = name.partition("_")
    return MADE_UP.fullmatch(name) is not None and word not in MACHINES


def identifiers(text: str) -> list[str]:
    """What a text names by a number: user_12, SKU-1234, #881, customer 4711, a hash."""
    if not any(map(text.__contains__, "0123456789")):
        return []
    found, before = [], ""
    for word in text.replace("[picture ", "[picture").split():
        if not word.isalpha():
            found += IDENTIFIER.findall(word)
            number = word.strip(".,;:!?()")
            is_long = number.isdecimal() and len(number) >= LONG_NUMBER
            if is_long and before.casefold() in NUMBERED:
                found.append(f"{before} {number}")
        before = word
    return found


def _identified(columns: Columns) -> list[tuple[int, str]]:
    """Examples (by index) whose prompt names an identifier that the answer does not repeat."""
    names = [identifiers(text) for text in columns.prompts.texts]
    found = []
    for index, number in enumerate(columns.prompts.numbers):
        if names[number]:
            answer = columns.answers.texts[columns.answers.numbers[index]]
            opaque = [name for name in names[number] if name not in answer]
            if opaque:
                found.append((index, opaque[0]))
    return found


def _unseen(question: Question, known: set[str]) -> float | None:
    """The share of held-out identifiers that training never names."""
    if question.heldout is None:
        return None
    theirs = {name for _, name in _identified(question.heldout)}
    return len(theirs - known) / len(theirs) if theirs else None


def _torn(columns: Columns, named: Sequence[tuple[int, str]]) -> float:
    """The share of prompts that, but for the name, are asked again with another answer."""
    alike: dict[str, list[int]] = defaultdict(list)
    for index, name in named:
        text = columns.prompts.texts[columns.prompts.numbers[index]]
        alike[folded(text.replace(name, "_"))].append(columns.answers.numbers[index])
    torn = [answers for answers in alike.values() if len(set(answers)) > 1]
    return sum(map(len, torn)) / len(named)


def _p_shuffled(columns: Columns, named: Sequence[tuple[int, str]]) -> float | None:
    """How often shuffled names go with answers at least as alike; None where names do not recur.

    Assumes that without a signal any assignment of names to answers is as likely.
    """
    rng = random.Random(0)
    counts = Counter(name for _, name in named)
    picked = [(i, name) for i, name in named if counts[name] > 1]
    picked = rng.sample(picked, min(len(picked), MOST_SHUFFLED))
    names = [name for _, name in picked]
    words = [_words(columns, index) for index, _ in picked]
    if len(set(names)) < 2 or len(set(names)) == len(names):
        return None
    observed = _agreement(names, words)
    as_alike = 0
    for _ in range(SHUFFLES):
        rng.shuffle(names)
        as_alike += _agreement(names, words) >= observed
    return (as_alike + 1) / (SHUFFLES + 1)


def _words(columns: Columns, index: int) -> frozenset[str]:
    return frozenset(folded(columns.answers.texts[columns.answers.numbers[index]]).split())


def _agreement(names: Sequence[str], words: Sequence[frozenset[str]]) -> float:
    """The summed likeness of answers to one name, each with the next."""
    last: dict[str, frozenset[str]] = {}
    total = 0.0
    for name, said in zip(names, words, strict=True):
        if name in last:
            total += len(said & last[name]) / max(1, len(said | last[name]))
        last[name] = said
    return total
