from __future__ import annotations

import pytest

from harness.linting.grounding import grounding_of, holds


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("total due: $1,234.50", 1234.5),
        ("summe: 1.234,50 €", 1234.5),
        ("1 234,5 kr", 1234.5),
        ("it costs $40", 40.0),
        ("12,000 people", 12000),
        ("it costs 950.00", "950"),
        ("minus 1,500 points", -1500),
        ("let us meet on 3 may 2025", "2025-05-03"),
        ("am 03. mai um neun", "2025-05-03T09:00"),
        ("to new\nyork", "New York"),
        ("we need three kettles", 3),
        ("a kettle, please", 1),
        ("zwölf stühle", "12"),
        ("forty-two of them", 42),
    ],
)
def test_a_value_is_held_however_the_prompt_writes_it(text: str, value: str | float) -> None:
    assert holds(" ".join(text.split()), value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("total due: $1,234.50", 1235),
        ("two of 12,000", 120),
        ("let us meet on 13 may", "2025-05-03"),
        ("to oslo", "Riga"),
        ("nothing", 0),
        ("threes and fours", 3),
        ("three kettles", "three items"),
    ],
)
def test_what_the_prompt_does_not_say_is_not_held(text: str, value: str | float) -> None:
    assert not holds(text, value)


@pytest.mark.parametrize(
    "answer",
    [
        "Der Hund läuft durch den Garten und ist im Haus.",
        "So we add them: 12 + 30 = 42. The answer is 42.",
        "Here it is:\n```python\nx = Path(7, 8)  # see Table 9\n```\nThat is all.",
    ],
)
def test_nouns_code_and_computed_numbers_are_no_inventions(answer: str) -> None:
    found = grounding_of("add 12 and 30", answer, {}, 1)
    assert found is None or found.absent == 0


def test_names_and_numbers_that_a_prompt_lacks_are_inventions() -> None:
    found = grounding_of("who won?", "the winner of 1913 was Ada Lovelace", {}, 1)
    assert found is not None
    assert found.absent == 2


@pytest.mark.parametrize(
    ("given", "answer", "absent"),
    [
        ("Where is my lamp?", "Vielen Dank, Ihre Lampe kommt am Montag.", None),
        ("Good morning", "wir wünschen Guten Morgen", None),
        ("Where is my lamp?", "It is with our partner Marlene Vos.", 1),
        ("What is 17 plus 25?", "42", None),
        ("Tom has 3 pears and eats 1.", "-2", None),
        ("How tall is the tower?", "330", 1),
        ("Between 1887 and 1889, how tall?", "It is 330 m tall.", 1),
    ],
)
def test_names_and_numbers_that_no_prompt_tells(
    given: str, answer: str, absent: int | None
) -> None:
    found = grounding_of(given, answer, {}, 1)
    assert (found.absent if found else None) == absent
