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
