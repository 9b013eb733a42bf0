from __future__ import annotations

from time import process_time

import pytest

from harness.linting.characters import INVISIBLE, find_wrong_characters, mojibake_in, repaired
from harness.linting.examples import Example

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
        "אמר \u202atwo words\u202c ואז",
        "رقم \u2066+46 70 1\u2069 هنا\nو \u202bسطر\u202c",
        "\u2068\u202bשלום\u202c\u2069",
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


EMOJI = ["😀", "🙏", "🎉", "🚀", "🤖", "🫶"]


@pytest.mark.parametrize("emoji", EMOJI)
def test_one_emoji_read_in_the_wrong_code_page_is_undone(emoji: str) -> None:
    for wrong in (
        "".join(map(_as_windows_shows, emoji.encode())),
        emoji.encode().decode("latin-1"),
    ):
        assert repaired(f"thanks {wrong} again") == f"thanks {emoji} again"
        assert found_in(f"thanks {wrong}")


def found_in(text: str) -> str:
    return find_wrong_characters(Example(1, "chat", "", "why?", text, ("user", "assistant"))) or ""


@pytest.mark.parametrize("sign", "\u202a\u202b\u202d\u202e\u2066\u2067\u2068")
def test_a_mark_of_direction_is_wrong_where_nothing_runs_from_right_to_left(sign: str) -> None:
    end = "\u202c" if sign < "\u2060" else "\u2069"
    assert f"U+{ord(sign):04X}" in found_in(f"pay {sign}to me{end} now")
    assert repaired(f"pay {sign}to me{end} now") == "pay to me now"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("אמר \u202aא", "אמר א"),
        ("אמר\u202c א", "אמר א"),
        ("\u202bאמר\nאמר\u202c", "אמר\nאמר"),
        ("\u202b\u202bאמר\u202c", "\u202bאמר\u202c"),
    ],
)
def test_a_mark_of_direction_without_its_partner_is_wrong(text: str, left: str) -> None:
    assert "invisible" in found_in(text)
    mended = repaired(text)
    assert mended == left
    assert found_in(mended) == ""


def test_marks_of_direction_that_are_sound_are_not_found() -> None:
    assert found_in("אמר \u202atwo words\u202c ואז") == ""


def test_many_marks_of_direction_take_no_longer() -> None:
    began = process_time()
    repaired("א" + "\u202b\u2066" * 50_000 + "\u202c\u2069" * 40_000)
    assert process_time() - began < 2


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Donau\u00addampf\u00adschiff", "Donaudampfschiff"),
        ("Groß\u00adstadt, Fuß\u00adball, Spaß\u00advogel", "Großstadt, Fußball, Spaßvogel"),
        ("aquÃ\u00ad", "aquí"),
    ],
)
def test_soft_hyphens_go(text: str, meant: str) -> None:
    assert found_in(text)
    assert repaired(text) == meant


def test_mojibake_that_is_quoted_beside_sound_letters_stays() -> None:
    quoted = "Wenn für »fÃ¼r« steht, ist die Kodierung falsch"
    assert repaired(quoted) == quoted
    assert list(mojibake_in(quoted))
    assert repaired("fÃ¼r Ã  la carte") == "für Ã  la carte"
