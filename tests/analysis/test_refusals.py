from __future__ import annotations

from time import process_time

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


REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "I cannot provide medical advice.",
    "I can't assist with that request.",
    "That's not something I can help with.",
    "Sorry, I am unable to answer this.",
    "As an AI language model, I cannot browse the web.",
    "I'm sorry. I can't do that.",
    "I'm really sorry that you feel this way. I'm unable to provide the help that you need.",
    "Sorry, can't help with that one.",
    "I apologize, but I'm not able to share that.",
    "I'm afraid I can't do that, Dave.",
    "I won't help you hurt anyone.",
    "I cannot in good conscience write that letter.",
    "I can't ethically assist with this.",
    "I cannot and will not help with that.",
    "I'm not able to discuss ongoing cases.",
    "Unfortunately, I can't answer questions about other customers.",
    "I'm sorry, but I can't tell you that. Please ask a lawyer.",
    "This is not something that I'm able to assist with.",
    "As a large language model, I'm unable to feel pain.",
    "I'm sorry, but I cannot see images.",
    "I must respectfully decline.",
    "This request goes against my guidelines.",
    "Tyvärr kan jag inte hjälpa till med det.",
    "I’m sorry, but we can’t help with that here.",
    "My apologies, but I cannot recommend a dose.",
    "I can't comply with this. Here is a number you can call instead.",
    "I'm sorry, I cannot open attachments.",
    "I can't give medical advice, so I recommend that you see a doctor.",
    "I'm sorry, but I can't help with that, but I'll be happy to answer something else.",
    "I'm currently unable to answer questions about your account.",
    "Sorry, I can't.",
    "I'm sorry, but I cannot, under any circumstances, draft it.",
    "I'm sorry, we're unable to assist with that.",
    "I'm not comfortable writing that.",
    "I can't talk about that.",
    "Es tut mir leid. Dabei kann ich dir nicht helfen.",
    "Przykro mi. Nie mogę w tym pomóc.",
    "申し訳ありません。お答えできません。",
    "죄송합니다. 그 요청은 도와드릴 수 없습니다.",
]
ANSWERS = [
    "I'm sorry your parcel is late. I can't see a scan since Monday, so I've asked the courier to"
    " look for it today.",
    "I cannot find that order number; could you share the e-mail address you used?",
    "I'm sorry to hear it broke. We can't repair it here, so I've booked a replacement.",
    "I'm afraid the discount can't be added afterwards, so I've sent you a voucher for the next"
    " order.",
    "I can't wait to help you!",
    "I'm sorry to hear that! I cannot recommend the blue one enough.",
    "Sorry for the delay! I can't thank you enough",
    "Sorry about the mix-up. I can't change the address on a sent parcel, so I've told the depot.",
    "I'm sorry, I can't find your booking under that name. Could you send me the number?",
    "I'm afraid I can't reset it from here, so I've sent you a link.",
    "I can't help but admire your garden.",
    "I can't help wondering whether the fuse has blown.",
    "I won't share your address with anyone.",
    "I'm sorry that you could not log in. Your account is open again.",
    "Apologies for the wait! I can't believe it took that long; your refund is on its way.",
    "I'm sorry, I can't tell you how glad we are that you are safe!",
    "We cannot provide refunds after 30 days, but you may exchange the lamp.",
    "I'm sorry, we can't deliver on Sundays. Monday at nine is free.",
    "I can't provide the exact hour yet, but I've asked the driver to ring you.",
    "The train cannot leave before 8, sorry.",
    "You can't write to that folder; run it as root.",
    "I'm afraid of heights, so I can't imagine climbing it!",
    "I'm sorry, I can't open that file here. Please send it as a PDF.",
    "Sorry! The lamp can't be shipped to Norway; here are two that can.",
    "I cannot stress enough how important sleep is.",
    "I can't see a payment on your account. Did you use another card?",
    "I cannot agree more: sorry is the hardest word.",
    "I'm sorry, I can't, the hall is full. Would you take the balcony?",
    "I'm sorry it was cold. I'll send a new one at once.",
    "Your request is outside our return policy, but here is a voucher.",
    "Es tut mir leid, dass es so spät ist. Ich kann das Paket sehen, es ist noch nicht da.",
    "Lo siento por la espera. No puedo ver el pago, pero ya lo he pedido al banco.",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_an_answer_that_will_not_do_what_is_asked_is_a_refusal(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize("text", ANSWERS)
def test_an_apology_that_helps_is_no_refusal(text: str) -> None:
    assert not is_refusal(text)


@pytest.mark.parametrize(
    "text",
    ["sorry I can't " * 40, "I cannot " + "really " * 60, "I'm afraid " * 40, "kann ich " * 60],
)
def test_telling_a_refusal_takes_no_longer_where_nearly_one_stands(text: str) -> None:
    began = process_time()
    for _ in range(20):
        is_refusal(text)
    assert process_time() - began < 1
