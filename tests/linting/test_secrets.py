from __future__ import annotations

import pytest

from harness.linting.secrets import masked, personal_in, secrets_in

RANDOM = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF"
KEYS = {
    "OpenAI or Anthropic key": f"sk-{RANDOM}",
    "AWS key": "AKIA3Q7ZK2MN8PLW4XJD",
    "GitHub token": f"ghp_{RANDOM}wxyz1",
    "GitLab token": f"glpat-{RANDOM[:20]}",
    "Slack token": "xoxb-2745918306-aB3dE6gH9jK2",
    "Google key": f"AIza{RANDOM}9x7",
    "Stripe key": f"sk_live_{RANDOM[:24]}",
    "Hugging Face token": f"hf_{RANDOM}",
    "private key": "-----BEGIN RSA PRIVATE KEY-----",
    "password in an address": "postgres://admin:hunter22@db.internal",
    "assigned secret": f'api_key = "{RANDOM}"',
}


@pytest.mark.parametrize("kind", KEYS)
def test_keys_are_found_by_their_form_and_masked(kind: str) -> None:
    text = f"run it with {KEYS[kind]} please"
    assert [found for found, _ in secrets_in(text)] == [kind]
    assert KEYS[kind] not in masked(text)


@pytest.mark.parametrize(
    "text",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "sk-your-api-key-goes-right-here",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "postgres://user:password@localhost/db",
        "password = os.environ['PASSWORD']",
        "https://a.example/b?c=d",
        "a token is a part of a word; the key is under the mat",
        "sk-learn and task-oriented dialogue systems everywhere",
    ],
)
def test_what_stands_for_a_key_is_none(text: str) -> None:
    assert list(secrets_in(text)) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to mia.berg@bakery.se", "e-mail"),
        ("card 4539 1488 0343 6467", "card number"),
        ("pay to DE89 3704 0044 0532 0130 00", "IBAN"),
        ("call +46 70 123 45 67", "telephone"),
        ("ssn 219-09-9999", "social security number"),
    ],
)
def test_personal_data_are_found_and_masked(text: str, kind: str) -> None:
    ((found, what),) = personal_in(text)
    assert found == kind
    assert what not in masked(text)


@pytest.mark.parametrize(
    "text",
    [
        "a@example.com",
        "order 4539 1488 0343 6468",
        "12345678901234",
        "2026-11-23 10:20",
        "1 000 000",
    ],
)
def test_numbers_that_only_look_personal_are_not(text: str) -> None:
    assert list(personal_in(text)) == []
