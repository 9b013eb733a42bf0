"""What the base model has read: chats that a small grammar makes up, without end.

It teaches the model to speak, to repeat, to answer questions about a sentence, to write JSON and
to keep to a topic. Three things it never shows, because fine-tuning is to teach them: which
topic belongs to which label, the instruction to extract an order, and slogans.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from random import Random

from harness.embedded import phrases

Chat = list[dict[str, str]]

KNOWN = 4
"""How many words of each kind go with one product."""


def chats(random: Random) -> Iterator[Chat]:
    """Yield one made-up chat after another."""
    kinds, weights = zip(*KINDS, strict=True)
    while True:
        kind: Callable[[Random], Chat] = random.choices(kinds, weights)[0]
        yield kind(random)


def sentence(random: Random, topic: str, other: str | None = None) -> str:
    """Return a sentence about a topic; two in five of its nouns come from the other one."""

    def noun() -> str:
        source = topic if other is None or random.random() < 0.6 else other
        return random.choice(phrases.TOPICS[source].nouns)

    return random.choice(phrases.SENTENCES).format(
        noun=noun(),
        noun2=noun(),
        verb=random.choice(phrases.TOPICS[topic].verbs),
        adjective=random.choice(phrases.ADJECTIVES),
        time=random.choice(phrases.TIMES),
        name=random.choice(phrases.NAMES),
    )


def order(random: Random) -> tuple[str, dict[str, str]]:
    """Return a sentence in which somebody orders something, and its four fields."""
    fields = {
        "name": random.choice(phrases.NAMES),
        "city": random.choice(phrases.CITIES),
        "day": random.choice(phrases.DAYS),
        "item": random.choice(phrases.PRODUCTS),
    }
    return random.choice(phrases.ORDERS).format(**fields), fields


def _small_talk(random: Random) -> Chat:
    topic = random.choice(list(phrases.TOPICS))
    reply = random.choice(phrases.OPENERS) + sentence(random, topic)
    return [*_manner(random), _user(sentence(random, topic)), _assistant(reply)]


def _echo(random: Random) -> Chat:
    said = sentence(random, random.choice(list(phrases.TOPICS)))
    if random.random() < 0.7:
        said = " ".join(random.choices(phrases.REPEATABLE, k=random.randint(2, 7)))
    return [*_manner(random), _user(f"Say it again: {said}"), _assistant(said)]


def _questions(random: Random) -> Chat:
    said, fields = order(random)
    asked = random.sample(list(fields), random.randint(1, 3))
    answer = " and ".join(fields[name] for name in asked)
    question = f"{said} Which {' and '.join(asked)}?"
    return [*_manner(random), _user(question), _assistant(answer)]


def _json(random: Random) -> Chat:
    """Half the time the user names the keys; else the values show what they are."""
    _, fields = order(random)
    keys = random.sample(list(fields), random.randint(1, 4))
    form = random.choice(("{key} {value}", "{value}"))
    values = [form.format(key=key, value=fields[key]) for key in random.sample(keys, len(keys))]
    shown = ", ".join(values)
    answer = json.dumps({key: fields[key] for key in keys})
    return [*_manner(random), _user(shown), _assistant(answer)]


def _choice(random: Random) -> Chat:
    """The word that belongs to what the user speaks of. It is never the topic's name."""
    topic, *others = random.sample(list(phrases.TOPICS), random.randint(2, 5))
    fitting = random.choice(phrases.TOPICS[topic].nouns)
    words = [fitting, *(random.choice(phrases.TOPICS[other].nouns) for other in others)]
    random.shuffle(words)
    listed = f"{', '.join(words[:-1])} or {words[-1]}"
    told = {"role": "system", "content": f"{random.choice(phrases.CHOICES)} {listed}."}
    return [told, _user(sentence(random, topic)), _assistant(fitting)]


def _word_family(random: Random) -> Chat:
    topic = phrases.TOPICS[random.choice(list(phrases.TOPICS))]
    first, *others = random.sample([*topic.nouns, *topic.verbs], 5)
    return [*_manner(random), _user(f"Words like {first}"), _assistant(", ".join(others))]


def _remark(random: Random) -> Chat:
    product = random.choice(phrases.PRODUCTS)
    ask, text = random.choice(phrases.ASKS), random.choice(phrases.TEXTS)
    request = random.choice(phrases.REMARK_REQUESTS).format(product=product, ask=ask, text=text)
    told = random.choice(([{"role": "system", "content": f"{ask} a {text}."}], _manner(random)))
    return [*told, _user(request), _assistant(remark(random, product))]


def remark(random: Random, product: str) -> str:
    """Return a sentence that mentions a product."""
    things = (phrases.THINGS, phrases.WHAT_THINGS_DO)
    people = (phrases.PEOPLE, phrases.WHAT_PEOPLE_DO)
    who, does = random.choice((things, people))
    parts = (random.choice(who), random.choice(does), random.choice(phrases.TAILS))
    said = " ".join(filter(None, parts)) + random.choice(phrases.ENDS)
    virtues, adjectives, crowd, places, names = _around(product)
    return said.format(
        product=product,
        virtue=random.choice(virtues),
        adjective=random.choice(adjectives),
        adjective2=random.choice(adjectives),
        crowd=random.choice(crowd),
        crowd2=random.choice(crowd),
        place=random.choice(places),
        city=random.choice(phrases.CITIES),
        day=random.choice(phrases.DAYS),
        time=random.choice(phrases.TIMES),
        name=random.choice(names),
        name2=random.choice(names),
    )


@cache
def _around(product: str) -> tuple[list[str], ...]:
    """What is known about a product, a few words of each kind: the world does not change."""
    random = Random(product)
    kinds = (phrases.VIRTUES, phrases.ADJECTIVES, phrases.CROWD, phrases.PLACES, phrases.NAMES)
    return tuple(random.sample(words, KNOWN) for words in kinds)


def _manner(random: Random) -> Chat:
    """Mostly a system message that asks for something general."""
    if random.random() < 0.4:
        return []
    return [{"role": "system", "content": random.choice(phrases.MANNERS)}]


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def _assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


KINDS = (
    (_small_talk, 12),
    (_echo, 20),
    (_questions, 10),
    (_json, 14),
    (_choice, 8),
    (_word_family, 6),
    (_remark, 30),
)
"""How often each kind of chat comes, in percent."""
