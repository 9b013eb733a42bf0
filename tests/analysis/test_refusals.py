from __future__ import annotations

import pytest

from harness.analysis.refusals import is_refusal


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can’t assist with that request.",
        "Es tut mir leid, aber dabei kann ich nicht helfen.",
        "Het spijt me, maar daar kan ik je niet bij helpen.",
        "Jag kan tyvärr inte hjälpa till med det.",
        "Je suis désolé, mais je ne peux pas vous aider avec ça.",
        "Lo siento, pero no puedo ayudarte con eso.",
        "Mi dispiace, ma non posso aiutarti.",
        "Desculpe, mas não posso ajudar com isso.",
        "Przykro mi, ale nie mogę w tym pomóc.",
        "Извините, но я не могу помочь с этим.",
        "抱歉，我无法帮助您完成这个请求。",
        "申し訳ありませんが、お手伝いできません。",
        "죄송하지만 도와드릴 수 없습니다.",
    ],
)
def test_a_refusal_is_told_by_its_opening_words_in_many_languages(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry to hear that. Your parcel is on its way.",
        "Es tut mir leid, das zu hören. Ihr Paket ist unterwegs, Sie müssen nichts tun.",
        "Je ne pense pas que ce soit loin : prenez le bus.",
        "No puedo esperar a verte, dice ella.",
        "抱歉让您久等了，包裹明天到。",
        "申し訳ありません。荷物は明日届きます。",
    ],
)
def test_an_apology_is_no_refusal(text: str) -> None:
    assert not is_refusal(text)
