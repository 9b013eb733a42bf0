"""Wrong labels of few examples, told beside held-out ones."""

from __future__ import annotations

from importlib.util import find_spec
from random import Random
from typing import Any

import pytest

from harness.linting.linter import LintReport, lint
from harness.records import Sample

pytestmark = pytest.mark.skipif(
    find_spec("cleanlab") is None, reason="needs cleanlab (the extra `lint`)"
)

WORDS = {
    "billing": "invoice refund charge card receipt payment",
    "shipping": "parcel courier tracking delivery address late",
    "account": "password login email profile username locked",
    "returns": "broken replace warranty exchange damaged label",
}
COMMON = "please could you help me today with this again thanks order question about my the a"


def ticket(label: str, random: Random, blurred: float) -> str:
    """Some words of the label, and of another one as often as the task is hard."""
    of = label if random.random() >= blurred else random.choice(sorted(WORDS))
    words = random.sample(WORDS[of].split(), 2) + random.sample(COMMON.split(), 5)
    random.shuffle(words)
    return " ".join(words)


def pairs(count: int, random: Random, blurred: float) -> list[tuple[str, str]]:
    labels = [random.choice(sorted(WORDS)) for _ in range(count)]
    return [(ticket(label, random, blurred), label) for label in labels]


def looked_over(
    write: Any, *, flipped: float, blurred: float, heldout: int = 100, seed: int = 1
) -> LintReport:
    random = Random(seed)
    others = [
        Sample(str(n), ({"role": "user", "content": text},), (label,))
        for n, (text, label) in enumerate(pairs(heldout, random, blurred))
    ]
    train = pairs(80, random, blurred)
    for place in random.sample(range(len(train)), round(flipped * len(train))):
        text, label = train[place]
        train[place] = text, random.choice([one for one in sorted(WORDS) if one != label])
    lines = [
        {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": label}]}
        for text, label in train
    ]
    return lint(write(lines), others or None)


def severity(report: LintReport) -> str | None:
    return next((f.severity for f in report.findings if f.rule == "label noise"), None)


@pytest.mark.parametrize(("flipped", "blurred"), [(0.2, 0.0), (0.3, 0.15)])
def test_labels_that_words_tell_worse_than_the_held_out_ones_block(
    write: Any, flipped: float, blurred: float
) -> None:
    found = [
        severity(looked_over(write, flipped=flipped, blurred=blurred, seed=seed))
        for seed in range(8)
    ]
    assert found.count("block") >= 6


@pytest.mark.parametrize("blurred", [0.0, 0.3, 0.5])
def test_a_task_as_hard_in_training_as_held_out_never_blocks(write: Any, blurred: float) -> None:
    found = [
        severity(looked_over(write, flipped=0, blurred=blurred, seed=seed)) for seed in range(8)
    ]
    assert "block" not in found


def test_without_held_out_labels_few_examples_are_noted_and_never_block(write: Any) -> None:
    found = {
        severity(looked_over(write, flipped=0.25, blurred=0.0, heldout=0, seed=seed))
        for seed in range(8)
    }
    assert found == {"info", "warn"}


def larger(random: Random) -> tuple[str, str]:
    """A comparison, which no single word decides."""
    a, b = random.randint(1, 999), random.randint(1, 999)
    return f"Is {a} larger than {b}?", "yes" if a > b else "no"


def praised(random: Random) -> tuple[str, str]:
    """An opinion that a 'not' turns round."""
    thing, good, kind = random.choice(THINGS.split()), random.random() < 0.5, random.random() < 0.5
    said = random.choice(PRAISE.split() if kind else BLAME.split())
    text = f"The {thing} from {random.randint(1, 99)} is {'' if good == kind else 'not '}{said}."
    return text, "positive" if good else "negative"


def in_time(random: Random) -> tuple[str, str]:
    """A number against a limit of its own."""
    hours, limit = random.randint(1, 60), random.choice((10, 20, 30, 40))
    about = random.choice(COMMON.split())
    return f"Open for {hours} hours of {limit}, {about}.", "late" if hours > limit else "in time"


THINGS = "lamp chair kettle jacket phone rug mug bike tent scarf desk clock"
PRAISE, BLAME = "good nice useful sturdy", "bad flimsy useless ugly"


@pytest.mark.long
@pytest.mark.parametrize(
    ("drawn", "count"), [(larger, 1000), (praised, 150), (in_time, 150), (in_time, 300)]
)
def test_sound_labels_of_a_task_that_words_hardly_tell_do_not_block(
    write: Any, drawn: Any, count: int
) -> None:
    found = []
    for seed in range(8):
        random = Random(seed)
        lines = [
            {
                "messages": [
                    {"role": "user", "content": text},
                    {"role": "assistant", "content": said},
                ]
            }
            for text, said in dict(drawn(random) for _ in range(2 * count)).items()
        ]
        found.append(severity(lint(write(lines[:count]))))
    assert found.count("block") <= 1


@pytest.mark.parametrize("labels", [3, 6])
def test_flipped_labels_of_an_easy_task_block_without_held_out_ones(
    write: Any, labels: int
) -> None:
    found = []
    for seed in range(8):
        random = Random(seed)
        names = [f"kind {n}" for n in range(labels)]
        lines = []
        for _ in range(240):
            at = random.randrange(labels)
            words = random.sample([f"w{at}x{k}" for k in range(6)], 3)
            words += random.sample(COMMON.split(), 4)
            said = random.choice(names) if random.random() < 0.2 else names[at]
            roles = (("user", " ".join(words)), ("assistant", said))
            lines.append({"messages": [{"role": r, "content": c} for r, c in roles]})
        found.append(severity(lint(write(lines))))
    assert found.count("block") >= 4


@pytest.mark.long
def test_what_is_wrong_beyond_the_task_is_said_with_its_lines(write: Any) -> None:
    found = [
        finding
        for seed in range(20)
        for finding in looked_over(write, flipped=0.3, blurred=0.5, seed=seed).findings
        if finding.rule == "label noise" and "of the held-out ones" in finding.message
    ]
    assert found
    for finding in found:
        assert finding.severity == "block"
        assert finding.evidence["lines"]
        assert "rather" in str(finding.evidence["examples"])


def test_a_held_out_set_of_another_mix_makes_sound_labels_no_wrong_ones(write: Any) -> None:
    blocked = 0
    for seed in range(8):
        random = Random(seed)
        drawn = pairs(900, random, 0.5)
        train, rest = drawn[:140], drawn[140:]
        common = [pair for pair in rest if pair[1] == "billing"][:90]
        others = [*common, *[pair for pair in rest if pair[1] != "billing"][:20]]
        lines = [
            {"messages": [{"role": "user", "content": t}, {"role": "assistant", "content": label}]}
            for t, label in train
        ]
        heldout = [
            Sample(str(n), ({"role": "user", "content": text},), (label,))
            for n, (text, label) in enumerate(others)
        ]
        blocked += severity(lint(write(lines), heldout)) == "block"
    assert blocked == 0
