from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

THINGS = ("lamp", "sofa", "kettle", "radio", "carpet", "mirror", "drill", "basket")
LABELS = {
    "billing": ["charged", "invoice", "refund", "payment", "card", "bank", "receipt", "price"],
    "shipping": ["parcel", "courier", "tracking", "delivery", "address", "customs", "depot", "van"],
    "login": ["password", "account", "locked", "email", "username", "reset", "captcha", "session"],
}

Lines = list[dict[str, Any]]
Write = Callable[..., Path]


def chat(prompt: str, answer: str, system: str | None = None) -> dict[str, Any]:
    told = [{"role": "system", "content": system}] if system is not None else []
    asked = {"role": "user", "content": prompt}
    return {"messages": [*told, asked, {"role": "assistant", "content": answer}]}


def sentence(rng: random.Random, words: int = 12) -> str:
    syllables = [a + b for a in "bkrtmshlvdpgn" for b in "aeiou"]
    return " ".join("".join(rng.choices(syllables, k=3)) for _ in range(words))


def conversations(n: int = 200) -> Lines:
    rng = random.Random(n)
    return [chat(f"{sentence(rng)}?", f"{sentence(rng, 15)}.", "Be brief.") for _ in range(n)]


def labelled(n: int = 200, flipped: float = 0.0) -> Lines:
    rng = random.Random(7)
    names = list(LABELS)
    lines = []
    for i in range(n):
        label = names[i % len(names)]
        words = [*rng.choices(LABELS[label], k=3), *sentence(rng, 3).split()]
        given = rng.choice([x for x in names if x != label]) if rng.random() < flipped else label
        lines.append(chat(" ".join(words), given, "Route it."))
    return lines


def extractions(n: int = 100) -> Lines:
    rng = random.Random(3)
    lines = []
    for i in range(n):
        city, item = rng.choice(["Riga", "Oslo", "Turin"]), rng.choice(THINGS)
        prompt = f"{sentence(rng, 6)} send {i + 2} of the {item} to {city}"
        answer = json.dumps({"city": city, "item": item, "count": i + 2})
        lines.append(chat(prompt, answer, "Extract the order."))
    return lines


def completions(n: int = 100) -> Lines:
    pairs = (line["messages"] for line in conversations(n))
    return [{"prompt": m[1]["content"], "completion": f" {m[2]['content']}"} for m in pairs]


def preferences(n: int = 100) -> Lines:
    rng = random.Random(5)
    return [
        {
            "input": {"messages": [{"role": "user", "content": sentence(rng)}]},
            "preferred_output": [{"role": "assistant", "content": sentence(rng)}],
            "non_preferred_output": [{"role": "assistant", "content": sentence(rng)}],
        }
        for _ in range(n)
    ]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(lines: Iterable[Any], name: str = "train.jsonl") -> Path:
        path = tmp_path / name
        texts = (x if isinstance(x, str) else json.dumps(x, ensure_ascii=False) for x in lines)
        path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
        return path

    return to_file
