from __future__ import annotations

import pytest

from harness.linting.characters import repaired

MEANT = ["café", "“quoted” – it’s", "naïve señor", "€ 5", "Привет, мир", "我想知道", "zażółć"]


@pytest.mark.parametrize("text", MEANT)
def test_text_read_in_the_wrong_code_page_is_undone(text: str) -> None:
    wrong = b"".join(bytes([b]) for b in text.encode()).decode("latin-1")
    assert repaired(wrong) == text


@pytest.mark.parametrize(
    "text",
    [
        "CAFÉ…",
        "« déjà »",
        "NÃO",
        "Ärger",
        "¿Qué?",
        "Ð is a letter",
        "naïve",
        "très …",
        "🙂 👩‍👩‍👧",
        "«É»",
    ],
)
def test_text_that_is_as_it_should_be_stays(text: str) -> None:
    assert repaired(text) == text
