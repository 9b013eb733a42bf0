"""Classification: a text goes to one of three to six labels that mean certain topics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from random import Random

from benchmarks.advice.tasks import HELDOUT, TEST, Made, asked, listed, one_answer
from harness.embedded.corpus import sentence
from harness.embedded.phrases import CITIES, NAMES, TOPICS, VIRTUES

SIZES = (24, 36, 50, 70, 100, 140)
SPEEDS = (0.35, 0.6, 1.0)
"""Learning rates, as multiples of the usual one: what takes one task 3 epochs takes another 9."""
INSTRUCTIONS = (
    "Route the ticket to {labels}. Answer with one word.",
    "Which team needs this ticket, {labels}? Answer with one word.",
    "Choose one of {labels}.",
    "Send it to {labels}.",
)

Pairs = Iterator[tuple[str, str]]


def classification(random: Random) -> Made:
    """A task with its own labels, topics, size and difficulty."""
    topics = topics_by_label(random)
    instruction = random.choice(INSTRUCTIONS).format(labels=listed(sorted(topics)))
    source = texts(random, topics, distraction=random.uniform(0, 0.6), long=random.uniform(0, 0.8))
    train = [(asked(instruction, text), label) for text, label in islice(source, size(random))]
    rest = [(asked(instruction, text), [label]) for text, label in islice(source, HELDOUT + TEST)]
    return Made(
        spec=one_answer("match", 8),
        train=train,
        heldout=rest[:HELDOUT],
        test=rest[HELDOUT:],
        learning_rate_multiplier=random.choice(SPEEDS),
    )


def size(random: Random) -> int:
    """How many training examples."""
    return random.choice(SIZES)


def topics_by_label(random: Random) -> Mapping[str, list[str]]:
    """Labels and the topics that belong to each: the topic itself, or one or two under a name.

    Names of people, cities or virtues say nothing about a topic; only training tells.
    """
    count = random.randint(3, 6)
    if random.random() < 0.4:
        return {topic: [topic] for topic in random.sample(list(TOPICS), count)}
    names = random.sample(random.choice((NAMES, CITIES, VIRTUES)), count)
    topics = random.sample(list(TOPICS), 2 * count)
    each = random.randint(1, 2)
    return {name: topics[2 * i : 2 * i + each] for i, name in enumerate(names)}


def texts(
    random: Random, topics: Mapping[str, list[str]], *, distraction: float, long: float
) -> Pairs:
    """Texts, each once, with their labels.

    In a share ``distraction`` two of five nouns are another label's; a share ``long`` has two
    sentences.
    """
    seen, labels = set(), sorted(topics)
    while True:
        label, other = random.sample(labels, 2)
        topic = random.choice(topics[label])
        noise = random.choice(topics[other]) if random.random() < distraction else None
        text = sentence(random, topic, noise)
        if random.random() < long:
            text = f"{text} {sentence(random, topic, noise)}"
        if text not in seen:
            seen.add(text)
            yield text, label
