from __future__ import annotations

from base64 import b64encode
from time import process_time

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
    "Azure key": f"AccountKey={RANDOM}{RANDOM}{RANDOM[:22]}==",
    "SendGrid key": f"SG.{RANDOM[:22]}.{RANDOM}{RANDOM[:11]}",
    "Telegram token": f"1829374650:AA{RANDOM}x",
    "token of a service": f"gsk_{RANDOM}{RANDOM[:20]}",
    "bearer token": f"Authorization: Bearer {RANDOM}",
    "password in a header": "Authorization: Basic bWlhOmh1bnRlcjIyLWxhbXA=",
    "private key": f"-----BEGIN RSA PRIVATE KEY-----\n{RANDOM}\n{RANDOM}",
    "password in an address": "postgres://admin:hunter22@db.internal",
    "assigned secret": f'api_key = "{RANDOM}"',
    "assigned password": '"db_password": "kX9$vTq2Lw"',
}


@pytest.mark.parametrize("kind", KEYS)
def test_keys_are_found_by_their_form_and_masked(kind: str) -> None:
    text = f"run it with {KEYS[kind]} please"
    assert [found for found, _ in secrets_in(text)] == [kind]
    assert KEYS[kind] not in masked(text)


@pytest.mark.parametrize(
    "text",
    [
        f"AWS_SECRET_ACCESS_KEY={RANDOM}{RANDOM[:8]}",
        f"OPENAI_API_KEY={RANDOM}",
        f"token = '{RANDOM}'",
        "pwd: 'q7!Zr2mK'",
        'say \\"password\\": \\"Vt4#yK8wQx\\"',
        f"密钥是sk-{RANDOM}。",
        f"xapp-1-A01-123-{RANDOM}",
        f"GOCSPX-{RANDOM[:28]}",
        "mailgun key-3f9a0c7e1b2d4f6a8c9e0b1d2f3a4c5e",
        "Twilio SK3f9a0c7e1b2d4f6a8c9e0b1d2f3a4c5e",
        f"pplx-{RANDOM}{RANDOM[:16]}",
        f"hvs.{RANDOM}",
        f"lin_api_{RANDOM}{RANDOM[:8]}",
        f"ntn_{RANDOM}{RANDOM[:14]}",
        f"dckr_pat_{RANDOM[:27]}",
        f"nvapi-{RANDOM}{RANDOM}",
        f"ATATT3xFf{RANDOM * 4}=1A2B3C4D",
        f"the bot's token MTk4{RANDOM[:20]}.Gx2b3c.{RANDOM[:27]}",
        f"https://discord.com/api/webhooks/918273645091827364/{RANDOM}{RANDOM}",
    ],
)
def test_keys_are_found_in_settings_and_behind_other_scripts(text: str) -> None:
    assert len(list(secrets_in(f"see {text} ok"))) == 1
    assert RANDOM[4:] not in masked(text)


def test_nothing_of_a_private_key_is_shown() -> None:
    assert RANDOM not in masked(KEYS["private key"])


def test_looking_for_keys_takes_no_longer_where_nearly_one_stands() -> None:
    nearly = "-----BEGIN PRIVATE KEY-----" + "a: b " * 3000
    began = process_time()
    assert list(secrets_in(nearly)) == []
    assert process_time() - began < 1


@pytest.mark.parametrize(
    "text",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "postgres://postgres:postgres@db:5432/app",
        "amqp://guest:guest@rabbitmq:5672/",
        "mysql://root:password@db/app",
        "sk-8-how-to-write-a-good-article-in-2024-slug",
        'secret_key = "projects/12/secrets/mykey-1"',
        "a file that begins with -----BEGIN PRIVATE KEY----- and goes on",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
        "id 123e4567-e89b-12d3-a456-426614174000",
        "Authorization: Bearer YOUR_ACCESS_TOKEN",
        "Authorization: Basic dXNlcjpwYXNzd29yZA==",
        "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        "Authorization: Basic authentication is not encryption",
        "Authorization: Basic YWJjOmRl",
        "Authorization: Basic <base64 of user and password>",
        "'Authorization': 'Basic ' + encoded",
        "API_KEY=${{ secrets.API_KEY_1 }}",
        "sk-your-api-key-goes-right-here",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "postgres://user:password@localhost/db",
        "password = os.environ['PASSWORD']",
        "password = 'P@ssw0rd123'",
        "password: 'Sommer2024!'",
        "password: '${DB_PASSWORD1}x'",
        "password='{{Vault.Db1x}}'",
        'the password must be "Longer8" than that',
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
        "9783161484100",
        "1700000000008",
        "2026-11-23 10:20",
        "1 000 000",
    ],
)
def test_numbers_that_only_look_personal_are_not(text: str) -> None:
    assert list(personal_in(text)) == []


@pytest.mark.parametrize(
    "password", ["mysecretpassword", "mypassword", "rootpass", "pwd", "test123"]
)
def test_passwords_of_documentation_are_none(password: str) -> None:
    assert list(secrets_in(f"connect to postgres://admin:{password}@db:5432/app")) == []


@pytest.mark.parametrize(
    "header",
    [
        "Authorization: Basic bWlhOmh1bnRlcjIyLWxhbXA=",
        '"authorization": "Basic bWlhOmh1bnRlcjIyLWxhbXA"',
        f"Authorization: Basic {b64encode(f'{RANDOM}:'.encode()).decode()}",
    ],
)
def test_a_password_in_a_header_is_found_and_masked(header: str) -> None:
    ((kind, _),) = secrets_in(f"curl -H {header}")
    assert kind == "password in a header"
    assert header[-12:] not in masked(f"curl -H {header}")
