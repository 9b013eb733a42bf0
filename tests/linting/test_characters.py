from __future__ import annotations

import pytest

from harness.linting.characters import INVISIBLE, repaired

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
        "«JOSÉ» y «PERÚ», “CAFÉ” … “SÍ”",
        "«\u00a0café\u00a0» et «\u00a0été\u00a0»",
        "„Spaß“ und „Gruß“",
        "3\u00a0×\u00a04 und 5\u00a0×\u00a06",
        "“AMANHÔ",
        "Ø\u00a010 mm, Ø\u00a012 mm",
        "សួស្តី\u200bតើ\u200bអ្នក",
        "\x1b[31mred\x1b[0m",
    ],
)
def test_text_that_is_as_it_should_be_stays(text: str) -> None:
    assert repaired(text) == text


LANGUAGES = [
    "à côté, là-bas",
    "się dzieję, są tu",
    "Příliš žluťoučký kůň",
    "ığdır şöyle güneş",
    "Ελληνικά και άλλα",
    "שלום לכולם",
    "مرحبا بالعالم",
    "Xin chào các bạn",
    "您好，世界",
    "RÖSTI ÜBER ALLES",
    "l’été – « déjà »",
]


@pytest.mark.parametrize("text", LANGUAGES)
def test_wrong_code_pages_are_undone_in_many_languages(text: str) -> None:
    wrong = "".join(_as_windows_shows(byte) for byte in text.encode())
    assert repaired(wrong) == text


def _as_windows_shows(byte: int) -> str:
    try:
        return bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:
        return chr(byte)


def test_an_escape_that_begins_no_colour_is_a_control_character() -> None:
    assert INVISIBLE.search("a\x1bb")
