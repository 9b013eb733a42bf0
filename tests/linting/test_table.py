"""Every row of the table finds what was planted, at its threshold, and nothing in clean data."""

from __future__ import annotations

import importlib.util
import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.linting import LINTS, LintOptions, lint
from harness.linting.fixing import fix
from harness.records import Severity
from harness.reports.lint_document import LintReport
from tests.linting.conftest import (
    Lines,
    Write,
    chat,
    completions,
    conversations,
    extractions,
    labelled,
    preferences,
    sentence,
)

has_cleanlab = importlib.util.find_spec("cleanlab") is not None
KEY = "sk-proj-" + "Ab3dE6gH9jK2mN5pQ8sT1vW4yZ7b"


def severities(report: LintReport) -> dict[str, Severity]:
    return {finding.rule: finding.severity for finding in report.findings}


def replaced(lines: Lines, share: float, change: Callable[[Any, int], Any]) -> Lines:
    """The first ``share`` of lines changed."""
    count = round(share * len(lines))
    return [*(change(line, i) for i, line in enumerate(lines[:count])), *lines[count:]]


def answering(answer: str) -> Callable[[Any, int], Any]:
    return lambda line, i: {"messages": [*line["messages"][:-1], said(answer)]}


def said(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def unfielded(line: Any, i: int) -> Any:
    return answering('{"city": "Riga"}')(line, i)


def without_instructions(line: Any, i: int) -> Any:
    return {"messages": line["messages"][1:]}


def twice_asked(line: Any, i: int) -> Any:
    messages = line["messages"]
    return {"messages": [*messages[:2], messages[1], messages[2]]}


def asked_nothing_last(line: Any, i: int) -> Any:
    return {"messages": [*line["messages"], {"role": "user", "content": " "}, said("and so on")]}


def with_instructions_alone(line: Any, i: int) -> Any:
    return {"messages": [line["messages"][0], line["messages"][2]]}


def ids(n: int, *, per_id: int = 1) -> Lines:
    rng = random.Random(2)
    topics = ["rain", "trains", "bread", "stairs"]
    return [
        chat(f"Write about {topics[i % 4]} like author_{i // per_id}", sentence(rng))
        for i in range(n)
    ]


def torn(lines: Lines, share: float) -> Lines:
    """The share of prompts is asked again, with another answer."""
    count = round(share * len(lines) / 2)
    others = [answering("another")(line, 0) for line in lines[:count]]
    return [*lines[: len(lines) - count], *others]


def with_same_preference(line: Any, i: int) -> Any:
    return {**line, "non_preferred_output": line["preferred_output"]}


def ungrounded(line: Any, i: int) -> Any:
    return answering('{"city": "Lima", "item": "lamp", "count": 900}')(line, i)


PLANTED: list[tuple[str, Lines | list[Any], Severity | None]] = [
    ("unreadable lines", [*conversations(99), "{broken"], "block"),
    ("format", [*conversations(99), {"messages": [{"role": "user", "content": "a"}]}], "block"),
    ("mixed formats", [*conversations(99), *completions(1)], "block"),
    ("too few examples", conversations(9), "block"),
    ("too few examples", conversations(10), "warn"),
    ("too few examples", conversations(49), "warn"),
    ("too few examples", conversations(50), None),
    ("length", [*conversations(60), chat("why?", "long " * 300_000)], "block"),
    ("empty answers", replaced(conversations(), 0.01, answering(" ")), "warn"),
    ("empty answers", replaced(conversations(), 0.015, answering("")), "block"),
    ("empty prompts", [*conversations(99), chat(" ", "yes")], "warn"),
    ("empty prompts", [*conversations(99), chat(" \n", "yes", "Be brief.")], "warn"),
    ("empty prompts", replaced(conversations(), 0.01, asked_nothing_last), "warn"),
    ("empty prompts", replaced(conversations(), 0.01, with_instructions_alone), None),
    ("turns", replaced(conversations(), 0.005, twice_asked), "warn"),
    ("instructions", replaced(conversations(), 0.01, without_instructions), None),
    ("instructions", replaced(conversations(), 0.015, without_instructions), "warn"),
    ("answer form", replaced(extractions(), 0.01, answering("Sorry?")), None),
    ("answer form", replaced(extractions(), 0.02, answering("Sorry?")), "warn"),
    ("broken JSON", replaced(extractions(), 0.01, answering('{"city": "Ri')), "warn"),
    ("broken JSON", replaced(extractions(), 0.02, answering('{"city": "Ri')), "block"),
    ("broken JSON", replaced(extractions(), 0.02, answering("{'city': 'Rio'}")), "block"),
    ("answer fields", replaced(extractions(), 0.02, unfielded), "warn"),
    ("white space", replaced(conversations(), 0.01, answering("yes \n")), "info"),
    ("white space", replaced(conversations(), 0.02, answering("yes \n")), "warn"),
    ("same preference", replaced(preferences(), 0.01, with_same_preference), "warn"),
    ("same preference", replaced(preferences(), 0.02, with_same_preference), "block"),
    ("wrong characters", replaced(conversations(), 0.05, answering("un cafÃ© crÃ¨me")), "warn"),
    ("wrong characters", replaced(conversations(), 0.06, answering("Itâ€™s fine")), "block"),
    ("wrong characters", replaced(conversations(), 0.01, answering("caf\ufffd")), "warn"),
    ("secrets", replaced(conversations(), 0.005, answering(f"use {KEY}")), "block"),
    ("personal data", replaced(conversations(), 0.005, answering("to mia@bakery.se")), "info"),
    ("duplicates", [*conversations(99), conversations(99)[0]], "info"),
    ("duplicates", [*conversations(98), *conversations(98)[:2]], "warn"),
    ("conflicts", torn(labelled(), 0.02), "warn"),
    ("conflicts", torn(labelled(), 0.03), "block"),
    ("opaque identifiers", ids(60), "block"),
    ("opaque identifiers", ids(60, per_id=4), "block"),
    ("opaque identifiers", ids(60, per_id=5), None),
    ("ungrounded fields", replaced(extractions(), 0.3, ungrounded), "warn"),
    ("ungrounded fields", replaced(extractions(), 0.32, ungrounded), "block"),
]


@pytest.mark.parametrize(
    ("rule", "lines", "expected"), PLANTED, ids=[f"{p[0]}-{p[2]}" for p in PLANTED]
)
def test_a_planted_fault_is_found_at_its_threshold(
    rule: str, lines: Any, expected: Severity | None, write: Write
) -> None:
    report = lint(write(lines))
    assert severities(report).get(rule) == expected
    if expected and rule != "too few examples":
        (finding,) = (f for f in report.findings if f.rule == rule)
        assert finding.evidence["lines"]
        assert finding.evidence["examples"] or rule == "same preference"


@pytest.mark.skipif(not has_cleanlab, reason="needs cleanlab (the extra `lint`)")
@pytest.mark.parametrize(("flipped", "expected"), [(0.0, None), (0.2, "block")])
def test_flipped_labels_are_doubted(flipped: float, expected: str | None, write: Write) -> None:
    report = lint(write(labelled(300, flipped)))
    assert severities(report).get("label noise") == expected


@pytest.mark.parametrize(
    ("share", "wanted", "expected"),
    [(0.6, 0.05, "block"), (0.09, 0.05, None), (0.15, 0.05, "block"), (0.05, 0.0, "block")],
)
def test_more_refusals_than_twice_the_wanted_share_block(
    share: float, wanted: float, expected: str | None, write: Write
) -> None:
    refuse = answering("I'm sorry, but I can't help with that.")
    path = write(replaced(conversations(), share, refuse))
    report = lint(path, options=LintOptions(wanted_refusals=wanted))
    assert severities(report).get("refusals") == expected


def test_many_refusals_only_warn_where_nobody_says_how_many_are_wanted(write: Write) -> None:
    path = write(replaced(conversations(), 0.6, answering("I cannot help with that.")))
    (finding,) = (f for f in lint(path).findings if f.rule == "refusals")
    assert finding.severity == "warn"
    assert "--wanted-refusals" in finding.message
    assert "60%" in finding.message


@pytest.mark.parametrize(
    ("rule", "leaked", "expected"),
    [
        ("leaked prompts", 1, "warn"),
        ("leaked prompts", 2, "block"),
        ("leaked passages", 1, "warn"),
        ("leaked answers", 1, "warn"),
    ],
)
def test_what_was_held_out_and_stands_in_training_is_found(
    rule: str, leaked: int, expected: str, write: Write
) -> None:
    train, rng = conversations(120), random.Random(11)
    heldout = [chat(sentence(rng), sentence(rng)) for _ in range(100)]
    for i in range(leaked):
        asked, answer = (message["content"] for message in train[i]["messages"][1:])
        more = "" if rule != "leaked passages" else f" {sentence(rng, 40)}"
        prompt = f"ba {asked}" if rule == "leaked passages" else asked
        if rule == "leaked passages":
            train[i] = chat(f"ba {asked}", answer, "Be brief.")
        heldout[i] = chat(prompt + more, answer)
    report = lint(write(train), write(heldout, "heldout.jsonl"))
    assert severities(report).get(rule) == expected


def turns(*texts: str, weights: Mapping[int, int] = {}) -> Any:
    """A chat whose user and assistant speak in turn; ``weights`` by the number of the message."""
    messages: Lines = []
    for i, text in enumerate(texts):
        weight = {"weight": weights[i]} if i in weights else {}
        messages.append({"role": ("user", "assistant")[i % 2], "content": text, **weight})
    return {"messages": messages}


def pairs(n: int, seed: int = 12) -> list[tuple[str, str]]:
    rng = random.Random(seed)
    return [(f"{sentence(rng, 6)}?", f"{sentence(rng, 7)}.") for _ in range(n)]


def leaks_of(train: Lines, heldout: Lines, write: Write) -> dict[str, Severity]:
    found = severities(lint(write(train), write(heldout, "heldout.jsonl")))
    return {rule: severity for rule, severity in found.items() if rule.startswith("leaked")}


def held_out(asked: list[tuple[str, str]], n: int = 40) -> Lines:
    """Pairs, and others up to ``n``."""
    return [chat(*pair) for pair in (*asked, *pairs(n - len(asked), seed=99))]


def test_what_is_asked_and_answered_in_an_earlier_turn_leaks(write: Write) -> None:
    asked = pairs(40)
    train = [turns(q, a, "Sure?", "Yes") for q, a in asked]
    report = lint(write(train), write([chat(q, a) for q, a in asked], "heldout.jsonl"))
    assert report.outcome == "blocked"
    found = {f.rule: f for f in report.findings if f.rule.startswith("leaked")}
    assert found["leaked prompts"].severity == "block"
    assert found["leaked prompts"].message.startswith("40 of 40 held-out prompts (100%)")
    assert found["leaked prompts"].evidence["lines"] == list(range(1, 41))
    assert found["leaked paraphrases"].severity == "warn"
    assert found["leaked answers"].evidence["lines"] == list(range(1, 41))


@pytest.mark.parametrize("before", [1, 2])
@pytest.mark.parametrize("is_last", [True, False])
def test_a_question_leaks_in_whatever_turn_it_is_asked(
    before: int, is_last: bool, write: Write
) -> None:
    asked, others = pairs(60), pairs(60, seed=3)
    ends = () if is_last else ("Thanks", "Any time")
    train = [
        turns(*(("Hello", f"Good day, {b}") * before), q, a, *ends)
        for (q, a), (_, b) in zip(asked, others, strict=True)
    ]
    assert leaks_of(train, held_out(asked[:1]), write)["leaked prompts"] == "block"


def test_a_dialogue_that_another_goes_on_from_leaks(write: Write) -> None:
    asked, then = pairs(60), pairs(60, seed=3)
    train = [
        turns(q, a, "And why?", b, "Thanks", "Any time")
        for (q, a), (_, b) in zip(asked, then, strict=True)
    ]
    heldout = [turns(q, a, "And why?", b) for (q, a), (_, b) in zip(asked, then, strict=True)]
    report = lint(write(train), write(heldout[:40], "heldout.jsonl"))
    (found,) = (f for f in report.findings if f.rule == "leaked prompts")
    assert len(found.evidence["heldout_lines"]) == 40


def test_a_paraphrase_in_an_earlier_turn_is_found(write: Write) -> None:
    asked = pairs(60)
    train = [turns(q, a, "Sure?", "Yes") for q, a in asked]
    near = [(f"{q} please", "x") for q, _ in asked[:10]]
    found = leaks_of(train, held_out(near), write)
    assert found == {"leaked paraphrases": "warn"}


@pytest.mark.parametrize("said", ["Thanks", "Yes", "Are you sure?", "好的，谢谢"])
def test_short_turns_are_no_leaks(said: str, write: Write) -> None:
    train = [turns(q, a, said, said, *p) for (q, a), p in zip(pairs(60), pairs(60, 3), strict=True)]
    assert leaks_of(train, held_out([(said, said)]), write) == {}


def test_turns_of_the_weight_0_teach_no_answers(write: Write) -> None:
    asked, others = pairs(60), pairs(60, seed=3)
    both = list(zip(asked, others, strict=True))
    early = [turns(q, a, *other, weights={1: 0}) for (q, a), other in both]
    late = [turns(*other, q, a, weights={3: 0}) for (q, a), other in both]
    answers = held_out([("what is it that you say to me?", a) for _, a in asked[:9]])
    assert leaks_of(early, answers, write) == {}
    assert leaks_of(late, answers, write) == {}
    assert "leaked prompts" not in leaks_of(early, held_out(asked[:9]), write)


def test_one_question_about_other_pictures_is_no_leak_in_an_earlier_turn(write: Write) -> None:
    lines = [pictured(i, f"it is {i}") for i in range(90)]
    train = [
        {"messages": [*line["messages"], *turns("Sure?", "Yes")["messages"]]} for line in lines
    ]
    assert "leaked prompts" not in leaks_of(train[:60], lines[60:], write)
    assert leaks_of(train, lines[60:], write)["leaked prompts"] == "block"


def test_a_template_of_all_prompts_is_neither_a_leak_nor_a_repetition(write: Write) -> None:
    template = (
        "You work at the support desk. Read the message below and decide which team it belongs to."
        " Answer with one of billing, shipping and login.\n\nMessage: {}\n\nTeam:"
    )
    turns = [line["messages"] for line in labelled(150)]
    lines = [
        {"prompt": template.format(m[1]["content"]), "completion": f" {m[2]['content']}"}
        for m in turns
    ]
    found = severities(lint(write(lines[:100]), write(lines[100:], "heldout.jsonl")))
    assert "warn" not in found.values(), found


def test_leaked_answers_name_the_training_lines_too(write: Write) -> None:
    train, rng = conversations(60), random.Random(4)
    heldout = [chat(sentence(rng), sentence(rng)) for _ in range(30)]
    heldout[7] = chat(sentence(rng), train[4]["messages"][-1]["content"])
    report = lint(write(train), write(heldout, "heldout.jsonl"))
    (finding,) = (f for f in report.findings if f.rule == "leaked answers")
    assert finding.evidence["lines"] == [5]
    assert finding.evidence["heldout_lines"] == [8]


def test_paraphrases_of_held_out_prompts_are_found_by_their_tier(write: Write) -> None:
    rng = random.Random(1)
    train = conversations(100)
    heldout = [chat(sentence(rng), "x") for _ in range(94)]
    heldout += [chat(f"{line['messages'][1]['content']} please", "x") for line in train[:6]]
    found = severities(lint(write(train), write(heldout, "heldout.jsonl")))
    assert found["leaked paraphrases"] == "warn"
    assert "leaked prompts" not in found


@pytest.mark.parametrize(("kept", "expected"), [(1.0, None), (0.1, "warn")])
def test_labels_in_other_shares_than_held_out_are_found(
    kept: float, expected: str | None, write: Write
) -> None:
    lines = labelled(300)
    billing = [line for line in lines if line["messages"][-1]["content"] == "billing"]
    others = [line for line in lines if line not in billing]
    train = [*others[: round(kept * len(others))], *billing]
    report = lint(write(train), write(labelled(300), "heldout.jsonl"))
    assert severities(report).get("class balance") == expected


def test_near_duplicates_are_groups_with_their_lines(write: Write) -> None:
    lines = conversations(100)
    twin = chat(lines[4]["messages"][1]["content"] + " please", lines[4]["messages"][2]["content"])
    (finding,) = (f for f in lint(write([*lines, twin])).findings if f.rule == "near duplicates")
    assert finding.evidence["groups"] == [[5, 101]]


@pytest.mark.parametrize(("n", "expected"), [(1, "info"), (19, "info"), (25, "warn")])
def test_many_near_duplicates_warn(n: int, expected: str, write: Write) -> None:
    lines = conversations(100)
    for i in range(n):
        lines[99 - i] = chat(
            lines[i]["messages"][1]["content"] + " now", lines[i]["messages"][2]["content"]
        )
    assert severities(lint(write(lines)))["near duplicates"] in (expected, "warn")


def test_names_that_answers_state_and_prompts_lack_warn_in_one_answer_tasks(write: Write) -> None:
    lines = [chat(f"who won in {i}?", f"the winner of {i} was Ada Lovelace, 77") for i in range(60)]
    path = write(lines)
    assert severities(lint(path, task="one-answer"))["ungrounded answers"] == "warn"
    assert severities(lint(path, task="open"))["ungrounded answers"] == "info"


def test_facts_that_the_base_model_never_knows_block(write: Write) -> None:
    marks = {line: (0.0, 0.0) if line <= 12 else (0.0, 1.0) for line in range(1, 101)}
    report = lint(write(conversations(100)), options=LintOptions(base_marks=marks))
    assert severities(report)["unknown facts"] == "block"


@pytest.mark.parametrize(("weight", "expected"), [(1, "warn"), (0, None)])
def test_an_earlier_answer_that_is_learnt_may_not_be_empty(
    weight: int, expected: str | None, write: Write
) -> None:
    lines = conversations(100)
    asked, answer = lines[0]["messages"][1:]
    lines[0]["messages"] += [asked, answer]
    lines[0]["messages"][2] = {**said(""), "weight": weight}
    assert severities(lint(write(lines))).get("empty answers") == expected


@pytest.mark.parametrize(
    ("usual", "odd", "promised"),
    [
        ("yes", "yes ", True),
        (" yes", "yes", False),
        ("yes", "    a = 1\n    b = 2", False),
        ("yes", "    a = 1\n    b = 2\n", True),
    ],
)
def test_a_fix_of_white_space_is_promised_where_it_changes_something(
    usual: str, odd: str, promised: bool, write: Write, tmp_path: Path
) -> None:
    asked = [f"{line['prompt']}" for line in completions(60)]
    lines = [{"prompt": p, "completion": usual if i else odd} for i, p in enumerate(asked)]
    path = write(lines)
    (finding,) = (f for f in lint(path).findings if f.rule == "white space")
    assert ("--fix" in finding.evidence["repair"]) is promised
    assert bool(fix(path, tmp_path / "clean.jsonl").white_space) is promised


def test_images_are_counted(write: Write) -> None:
    shown = [
        {"type": "text", "text": "what is it?"},
        {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}},
    ]
    line = {"messages": [{"role": "user", "content": shown}, said("a lamp")]}
    assert severities(lint(write([*conversations(60), line])))["images"] == "info"


def pictured(i: int, answer: str) -> Any:
    shown = [
        {"type": "text", "text": "What is in the picture?"},
        {"type": "image_url", "image_url": {"url": f"https://a.example/{i}.png"}},
    ]
    return {"messages": [{"role": "user", "content": shown}, said(answer)]}


def test_one_question_about_different_pictures_is_no_conflict_duplicate_or_leak(
    write: Write,
) -> None:
    lines = [pictured(i, ("cat", "dog", "bird")[i % 3]) for i in range(90)]
    report = lint(write(lines[:60]), write(lines[60:], "heldout.jsonl"))
    assert severities(report) == {"images": "info"}


def test_different_answers_to_one_picture_conflict(write: Write) -> None:
    lines = [pictured(i // 2, ("cat", "dog")[i % 2]) for i in range(60)]
    assert severities(lint(write(lines)))["conflicts"] == "block"


COUNTRIES = {"Oslo": "Norway", "Lagos": "Nigeria", "Lyon": "France", "Osaka": "Japan"}


@pytest.mark.parametrize(("follows", "wanted"), [(True, None), (False, "block")])
def test_a_field_that_another_one_always_tells_is_not_made_up(
    follows: bool, wanted: Severity | None, write: Write
) -> None:
    rng = random.Random(1)
    lines = []
    for i in range(200):
        city = rng.choice([*COUNTRIES])
        country = COUNTRIES[city if follows else rng.choice([*COUNTRIES])]
        place = f"{city}, {country}" if i % 5 < 3 else city
        answer = json.dumps({"city": city, "country": country})
        lines.append(chat(f"Order {i}: send {sentence(rng)} to {place}", answer))
    assert severities(lint(write(lines))).get("ungrounded fields") == wanted


@pytest.mark.parametrize(
    ("name", "wanted"), [("author_{}", "warn"), ("host_{}", "info"), ("job_{}", "info")]
)
def test_what_logs_number_is_only_noted(name: str, wanted: Severity, write: Write) -> None:
    rng = random.Random(2)
    said = [f"{sentence(rng)} {name.format(1000 + i)} {sentence(rng)}" for i in range(90)]
    lines = [chat(one, rng.choice(["fault", "normal"])) for one in said]
    assert severities(lint(write(lines)))["opaque identifiers"] == wanted


@pytest.mark.parametrize(("cut", "wanted"), [(0, None), (4, "block")])
def test_a_stop_word_behind_json_breaks_nothing(
    cut: int, wanted: Severity | None, write: Write
) -> None:
    whole = [json.dumps({"item": f"lamp {i}", "n": i % 7}) for i in range(100)]
    answers = [one[:-3] if i < cut else one for i, one in enumerate(whole)]
    lines = [
        {"prompt": f"I want {i % 7} of lamp {i} ->", "completion": f" {one} END"}
        for i, one in enumerate(answers)
    ]
    assert severities(lint(write(lines))).get("broken JSON") == wanted


def call(place: str, unit: str, spaced: str) -> Any:
    arguments = f'{{"unit":{spaced}"{unit}",{spaced}"place": "{place}"}}'
    if spaced:
        arguments = json.dumps(dict(reversed(json.loads(arguments).items())))
    function = {"name": "weather", "arguments": arguments}
    calls = [{"id": "1", "type": "function", "function": function}]
    return {"role": "assistant", "tool_calls": calls}


@pytest.mark.parametrize("other", ["C", "F"])
def test_json_in_another_order_is_the_same_answer(other: str, write: Write) -> None:
    places = [(f"place {i // 2}", ("C", other)[i % 2], " " * (i % 2)) for i in range(60)]
    plain = [chat(f"Weather in {p}?", json.dumps({"at": p, "unit": u})) for p, u, _ in places]
    turned = [chat(f"Weather in {p}?", json.dumps({"unit": u, "at": p})) for p, u, _ in places]
    lines = [(plain, turned)[i % 2][i] for i in range(60)]
    calls = [
        {"messages": [{"role": "user", "content": f"Weather in {one[0]}?"}, call(*one)]}
        for one in places
    ]
    wanted = {"C": None, "F": "block"}[other]
    assert severities(lint(write(lines), task="one-answer")).get("conflicts") == wanted
    assert severities(lint(write(calls), task="one-answer")).get("conflicts") == wanted


NAMES = ["User_{}", "user-{}", "user{}", "#{}", "SKU-{}", "customer {}", "{}ab09cf"]


@pytest.mark.parametrize("form", NAMES)
def test_names_of_any_form_that_mean_nothing_block(form: str, write: Write) -> None:
    rng = random.Random(4)
    names = [form.format(n) for n in rng.sample(range(1000, 9999), 120)]
    lines = [chat(f"What does {one} like?", rng.choice(["tea", "milk", "juice"])) for one in names]
    assert severities(lint(write(lines)))["opaque identifiers"] == "block"


def test_names_that_recur_without_a_signal_block_and_with_one_pass(write: Write) -> None:
    rng = random.Random(5)
    likes = {f"agent-{n}": rng.choice(["tea", "milk", "juice"]) for n in range(100, 112)}
    asked = [(rng.choice(sorted(likes)), f"What for day {n % 9}?") for n in range(240)]
    sound = [chat(f"{text} {name}", likes[name]) for name, text in asked]
    blind = [chat(f"{text} {name}", rng.choice(["tea", "milk", "juice"])) for name, text in asked]
    assert severities(lint(write(sound))).get("opaque identifiers") is None
    assert severities(lint(write(blind)))["opaque identifiers"] == "block"


def test_order_numbers_beside_what_decides_are_no_opaque_identifiers(write: Write) -> None:
    lines = [
        chat(
            f"{line['messages'][-2]['content']} (order #{1000 + n})",
            line["messages"][-1]["content"],
        )
        for n, line in enumerate(labelled())
    ]
    assert severities(lint(write(lines))).get("opaque identifiers") in (None, "info")


@pytest.mark.parametrize("fill", ["none", "N/A", "not given", "-", "nowhere", "unbekannt"])
def test_words_for_nothing_told_are_no_inventions(fill: str, write: Write) -> None:
    lines = [
        chat(f"{n + 2} of the {item}{f' to {city}' if n % 2 else ''}, please", json.dumps(said))
        for n in range(100)
        for item, city in [(("lamp", "chair", "rug")[n % 3], ("Riga", "Oslo")[n % 4 // 2])]
        for said in [{"item": item, "count": n + 2, "city": city if n % 2 else fill}]
    ]
    assert severities(lint(write(lines))).get("ungrounded fields") is None
    invented = [{**json.loads(line["messages"][-1]["content"])} for line in lines]
    torn = [
        chat(line["messages"][0]["content"], json.dumps({**said, "city": f"Town{n}"}))
        if n % 2 == 0
        else line
        for n, (line, said) in enumerate(zip(lines, invented, strict=True))
    ]
    assert severities(lint(write(torn)))["ungrounded fields"] == "block"


def test_what_only_case_tells_apart_may_be_answered_otherwise(write: Write) -> None:
    def asked(text: str, answer: str) -> Any:
        roles = (("user", text), ("assistant", answer))
        return {"messages": [{"role": r, "content": c} for r, c in roles]}

    texts = [f"the {word} of house {n} is late" for n in range(40) for word in ("post", "train")]
    lines = [asked(t, "calm") for t in texts] + [asked(t.upper(), "loud") for t in texts]
    assert severities(lint(write(lines)))["conflicts"] == "warn"
    same = [asked(t, "calm") for t in texts] + [asked(t, "loud") for t in texts]
    assert severities(lint(write(same)))["conflicts"] == "block"


# --- clean data ----------------------------------------------------------------------


def short_and_long() -> Lines:
    rng = random.Random(4)
    answers = ("Yes.", "No.", "Yes.", sentence(rng), sentence(rng))
    return [chat(sentence(rng), answers[i % 5]) for i in range(200)]


def one_class() -> Lines:
    rng = random.Random(5)
    return [chat(sentence(rng), "spam") for _ in range(100)]


def code() -> Lines:
    rng = random.Random(6)
    body = "def {0}({1}):\n    token = os.environ['API_KEY']\n    return {1} + {2}\n"
    return [
        chat(
            f"write {sentence(rng, 5)}",
            f"```python\n{body.format(*sentence(rng, 2).split(), i)}```",
        )
        for i in range(100)
    ]


def chinese() -> Lines:
    rng = random.Random(8)
    signs = "我想知道明天上海的天气怎么样请你告诉他们火车什么时候开书店在哪里"

    def text(k: int) -> str:
        return "".join(rng.choices(signs, k=k))

    return [chat(f"{text(14)}？", f"{text(22)}。") for _ in range(100)]


def french() -> Lines:
    rng = random.Random(9)
    return [
        chat(f"{sentence(rng)} déjà « été » ?", f"{sentence(rng)} CAFÉ… à côté") for _ in range(80)
    ]


def calls() -> Lines:
    tools = [{"type": "function", "function": {"name": "find", "parameters": {}}}]
    lines = []
    for i, line in enumerate(conversations(80)):
        function = {"name": "find", "arguments": f'{{"id": {i}}}'}
        call = {"id": f"c{i}", "type": "function", "function": function}
        asked = {"role": "assistant", "content": None, "tool_calls": [call], "weight": 0}
        told = {"role": "tool", "tool_call_id": f"c{i}", "content": "found"}
        turns = [line["messages"][1], asked, told, {**said(f"it is {i}"), "weight": 1}]
        lines.append({"messages": turns, "tools": tools, "parallel_tool_calls": False})
    return lines


def ticket_numbers() -> Lines:
    return [
        chat(f"ticket_{i}: {line['messages'][1]['content']}", line["messages"][2]["content"])
        for i, line in enumerate(labelled(120))
    ]


def dated() -> Lines:
    rng = random.Random(10)
    lines = []
    for i in range(120):
        day, price = 1 + i % 28, rng.randrange(200, 1600)
        said_day = f"2025-05-{day:02d}" if i % 5 else f"{day} May 2025"
        prompt = f"{sentence(rng, 5)} on {said_day} for ${price:,}.00"
        answer = json.dumps({"day": f"2025-05-{day:02d}", "price": price})
        lines.append(chat(prompt, answer))
    return lines


CLEAN = [
    *(conversations, labelled, extractions, completions, preferences, short_and_long, one_class),
    *(code, chinese, french, calls, ticket_numbers, dated),
]


@pytest.mark.parametrize("lines_of", CLEAN, ids=lambda f: f.__name__)
def test_clean_data_of_every_kind_pass(lines_of: Callable[[], Lines], write: Write) -> None:
    report = lint(write(lines_of()))
    assert report.outcome == "pass", report.blocking
    assert report.examples == len(lines_of())


def test_clean_data_pass_against_clean_held_out_data(write: Write) -> None:
    lines = labelled(300)
    report = lint(write(lines[:200]), write(lines[200:], "heldout.jsonl"))
    assert report.outcome == "pass"
    assert report.task == "one-answer"


def test_every_lint_says_whether_it_ran_or_why_not(write: Write) -> None:
    report = lint(write(conversations()))
    assert [check.rule for check in report.checks] == [rule.rule for rule in LINTS]
    assert all(check.said for check in report.checks)


def test_a_secret_is_never_shown(write: Write) -> None:
    lines = [chat(f"{line['messages'][1]['content']} {KEY}", KEY) for line in conversations(60)]
    assert KEY not in repr(lint(write(lines), write(lines, "heldout.jsonl")))
