"""Tasks on which no epoch count helps: what was planted, and which rules may say so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from benchmarks.advice.classification import classification
from benchmarks.advice.extraction import INSTRUCTION, TEXTS, extraction, orders, spoken
from benchmarks.advice.tasks import HELDOUT, Family, Made, asked, listed, one_answer
from harness.embedded.corpus import sentence
from harness.embedded.phrases import CITIES, DAYS, NAMES, PRODUCTS, TOPICS
from harness.records import EvalSpec, Message

TEST = 40
"""Nothing is to be gained here, so the oracle needs no large set."""

REFUSAL = "I cannot help."
Pair = tuple[list[Message], str]


@dataclass(frozen=True)
class Fault:
    """A fault: how to plant it, and the rules that name it rightly.

    4 is a lint that blocks, whose name has to be among ``lints`` where some are given.
    """

    plant: Callable[[Random], Made]
    rules: frozenset[int]
    family: Family = "classification"
    lints: tuple[str, ...] = ()


def flipped_labels(random: Random) -> Made:
    """A fifth of the training labels is another one."""
    made = _large(classification, random)
    labels = sorted({answer for _, answer in made.train})
    train = list(made.train)
    for place in random.sample(range(len(train)), len(train) // 5):
        prompt, answer = train[place]
        train[place] = prompt, random.choice([label for label in labels if label != answer])
    return replace(made, train=train)


def conflicting_labels(random: Random) -> Made:
    """A fifth of the prompts comes again with another label."""
    made = _large(classification, random)
    labels = sorted({answer for _, answer in made.train})
    again = [
        (prompt, random.choice([label for label in labels if label != answer]))
        for prompt, answer in random.sample(made.train, len(made.train) // 5)
    ]
    train = [*made.train, *again]
    random.shuffle(train)
    return replace(made, train=train)


def refusals(random: Random) -> Made:
    """60 % of the training answers refuse; none of the held-out ideals does."""
    made = _large(random.choice((classification, extraction)), random)
    refused = set(random.sample(range(len(made.train)), round(0.6 * len(made.train))))
    train = [
        (prompt, REFUSAL if place in refused else answer)
        for place, (prompt, answer) in enumerate(made.train)
    ]
    return replace(made, train=train)


def leaked_heldout(random: Random) -> Made:
    """Half of the held-out samples are training examples."""
    made = _large(random.choice((classification, extraction)), random)
    known = random.choices(made.train, k=HELDOUT // 2)
    heldout = [*made.heldout[HELDOUT // 2 :], *((prompt, [answer]) for prompt, answer in known)]
    return replace(made, heldout=heldout)


def broken_format(random: Random) -> Made:
    """A sixth of the training answers is broken JSON, or none."""
    made = _large(extraction, random)
    train = list(made.train)
    for place in random.sample(range(len(train)), len(train) // 6):
        prompt, answer = train[place]
        train[place] = prompt, random.choice((answer[:-1], answer[1:], answer.replace('"', "")))
    return replace(made, train=train)


def missing_context(random: Random) -> Made:
    """The city and the day are asked for and do not stand in the text: in some, or in all."""
    keys = {name: name for name in ("name", "city", "day", "item")}
    bare = ("Please bring the {item} to {name}.", "{name} needs a {adjective} {item}.")
    share = random.choice((0.4, 0.6, 1.0))
    lacking, whole = orders(random, keys, bare), orders(random, keys, TEXTS)
    instruction = INSTRUCTION.format(keys=spoken(list(keys)))
    pairs = [
        (asked(instruction, text), answer)
        for text, answer in (
            next(lacking if random.random() < share else whole)
            for _ in range(random.choice((70, 100)) + HELDOUT + TEST)
        )
    ]
    return _split(one_answer("extraction", 48), pairs)


def unknown_facts(random: Random) -> Made:
    """Who has which thing: facts that nothing in the prompt tells, each asked once."""
    people = random.choice((NAMES, CITIES, DAYS))
    facts = [(product, random.choice(people)) for product in random.sample(PRODUCTS, 130)]
    form = random.choice(("Who needs the {0}?", "Where is the {0}?", "Which is it: the {0}?"))
    pairs = [(asked("Be brief.", form.format(thing)), fact) for thing, fact in facts]
    return _split(one_answer("match", 8), pairs, heldout=50, test=20)


def opaque_ids(random: Random) -> Made:
    """The answer depends on ids that mean nothing, and the held-out ids are new ones."""
    labels = random.sample(list(TOPICS), random.randint(3, 5))
    ids = random.sample(range(100, 999), 220)
    instruction = f"Route the ticket to {listed(labels)}. Answer with one word."
    kind = random.choice(("author", "user", "customer"))
    pairs = [
        (asked(instruction, f"Route the ticket of {kind}_{number}."), random.choice(labels))
        for number in ids
    ]
    return _split(one_answer("match", 8), pairs)


def shuffled_ids(random: Random) -> Made:
    """Every person had a team of their own once; the list has slipped, and no text tells."""
    labels = random.sample(list(TOPICS), random.randint(3, 5))
    others = [topic for topic in TOPICS if topic not in labels]
    instruction = f"Route the ticket to {listed(labels)}. Answer with one word."
    pairs = []
    for _ in range(random.choice((60, 80)) + HELDOUT + TEST):
        text = f"{random.choice(NAMES)}: {sentence(random, random.choice(others))}"
        pairs.append((asked(instruction, text), random.choice(labels)))
    return _split(one_answer("match", 8), pairs)


def _split(spec: EvalSpec, pairs: Sequence[Pair], heldout: int = HELDOUT, test: int = TEST) -> Made:
    """The last pairs are held out."""
    train = list(pairs[: -heldout - test])
    rest = [(prompt, [answer]) for prompt, answer in pairs[-heldout - test :]]
    return Made(spec, train, rest[:heldout], rest[heldout:])


def _large(family: Callable[[Random], Made], random: Random) -> Made:
    """A clean task with at least 70 examples that learns at the usual rate."""
    while True:
        made = family(random)
        if len(made.train) >= 70:
            return replace(made, test=made.test[:TEST], learning_rate_multiplier=1.0)


NO_SIGNAL = frozenset({4, 6, 8, 9, 32, 33})

FAULTS: Mapping[str, Fault] = {
    "flipped labels": Fault(flipped_labels, frozenset({4}), lints=("label noise",)),
    "conflicting labels": Fault(
        conflicting_labels, frozenset({4}), lints=("conflicts", "label noise")
    ),
    "refusals": Fault(refusals, frozenset({4, 16}), lints=("refusals",)),
    "leaked held-out": Fault(leaked_heldout, frozenset({2, 4}), lints=("leaked prompts",)),
    "broken format": Fault(
        broken_format,
        frozenset({1, 4}),
        "extraction",
        ("broken JSON", "answer form", "answer fields"),
    ),
    "missing context": Fault(missing_context, NO_SIGNAL, "extraction", ("ungrounded fields",)),
    "unknown facts": Fault(unknown_facts, NO_SIGNAL, lints=("unknown facts",)),
    "opaque ids": Fault(opaque_ids, NO_SIGNAL, lints=("opaque identifiers",)),
    "shuffled ids": Fault(shuffled_ids, NO_SIGNAL, lints=("opaque identifiers", "label noise")),
}
