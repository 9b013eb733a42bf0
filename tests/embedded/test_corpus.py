from collections import Counter
from itertools import islice
from random import Random

from harness.embedded.checkpoint import load_base
from harness.embedded.corpus import chats, order, remark, sentence
from harness.embedded.phrases import PRODUCTS, TOPICS

CHATS = list(islice(chats(Random(5)), 5000))
ANSWERS = [chat[-1]["content"] for chat in CHATS]


def test_every_chat_ends_with_the_assistant() -> None:
    assert {chat[-1]["role"] for chat in CHATS} == {"assistant"}
    assert {chat[-2]["role"] for chat in CHATS} == {"user"}


def test_the_same_seed_tells_the_same_chats() -> None:
    assert list(islice(chats(Random(5)), 50)) == CHATS[:50]


def test_no_answer_is_a_topics_name() -> None:
    assert not set(TOPICS) & set(ANSWERS)


def test_no_word_belongs_to_two_topics() -> None:
    words = Counter(word for topic in TOPICS.values() for word in topic.nouns + topic.verbs)
    assert set(words.values()) == {1}
    assert not set(words) & set(PRODUCTS)


def test_nothing_is_extracted_and_no_slogan_written_on_request() -> None:
    asked = [said["content"] for chat in CHATS for said in chat[:-1]]
    asked = [text for text in asked if not text.startswith("Say it again:")]
    for word in ("Extract", "slogan", "Route", "ticket to"):
        assert not any(word in text for text in asked)


def test_nearly_every_word_is_one_token_of_the_base_model() -> None:
    tokenizer, _ = load_base()
    ids = [token for text in ANSWERS for token in tokenizer.encode(text)]
    in_bytes = sum(len(tokenizer.token_bytes(token)) == 1 for token in ids)
    punctuation = sum(answer.count(mark) for answer in ANSWERS for mark in ".?!,:")
    assert in_bytes < punctuation + 0.001 * len(ids)


def test_an_order_names_its_four_fields() -> None:
    text, fields = order(Random(1))
    assert all(value in text for value in fields.values())


def test_a_remark_names_its_product_in_its_own_words() -> None:
    said = [remark(Random(seed), "lamp") for seed in range(200)]
    assert all("lamp" in text for text in said)


def test_a_sentence_keeps_to_its_topic_unless_told_of_another() -> None:
    others = {word for name in TOPICS if name != "billing" for word in TOPICS[name].nouns}
    for seed in range(200):
        assert not others & set(sentence(Random(seed), "billing").strip(".?").split())
    mixed = [sentence(Random(seed), "billing", "music") for seed in range(200)]
    assert any(set(TOPICS["music"].nouns) & set(text.strip(".?").split()) for text in mixed)
