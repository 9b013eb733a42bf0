"""Keys and personal data in texts, and how they are shown: by their kind, never themselves."""

from __future__ import annotations

import math
import re
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from harness.linting.examples import Example

KEYS: dict[str, str] = {
    "private key": (
        r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----"
        r"(?:\s|\\[nr])*(?:[A-Za-z-]{4,20}: [^\n\\]{1,80}(?:\n|\\n)(?:\s|\\[nr])*){0,3}"
        r"[A-Za-z0-9+/=]{16,}(?:[A-Za-z0-9+/=\s]|\\[nr])*"
    ),
    "OpenAI or Anthropic key": r"\bsk-(?:proj-|ant-|or-|svcacct-)?[A-Za-z0-9_-]{20,}",
    "AWS key": (
        r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|(?i:secret_?access_?key[\"']?\s*[:=]\s*[\"']?)"
        r"[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])"
    ),
    "GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})",
    "GitLab token": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "Slack token": (
        r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-[A-Za-z0-9-]{20,}"
        r"|hooks\.slack\.com/services/T\w+/B\w+/\w{16,}"
    ),
    "Google key": (
        r"\bAIza[A-Za-z0-9_-]{35}|\bGOCSPX-[A-Za-z0-9_-]{28}|\bya29\.[A-Za-z0-9_-]{30,}"
    ),
    "Stripe key": r"\b[rs]k_live_[A-Za-z0-9]{16,}|\bwhsec_[A-Za-z0-9]{24,}",
    "Azure key": r"\bAccountKey=[A-Za-z0-9+/]{86}==",
    "SendGrid key": r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",
    "Telegram token": r"\b\d{8,10}:AA[A-Za-z0-9_-]{33}\b",
    "token of a service": (
        r"\b(?:dop_v1_[0-9a-f]{64}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|dapi[0-9a-f]{32}"
        r"|r8_[A-Za-z0-9]{37}|gsk_[A-Za-z0-9]{40,}|xai-[A-Za-z0-9]{60,}|key-[0-9a-f]{32}"
        r"|SK[0-9a-f]{32}|pplx-[A-Za-z0-9]{40,}|lin_api_[A-Za-z0-9]{40}|ntn_[A-Za-z0-9]{40,}"
        r"|figd_[A-Za-z0-9_-]{38,}|PMAK-[0-9a-f]{24}-[0-9a-f]{34}|NRAK-[A-Z0-9]{27}"
        r"|glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}|dckr_pat_[A-Za-z0-9_-]{27}|sbp_[0-9a-f]{40}"
        r"|pscale_(?:tkn|pw)_[A-Za-z0-9_-]{32,}|pcsk_[A-Za-z0-9_]{50,}|tvly-[A-Za-z0-9-]{32,}"
        r"|sntry[su]_[A-Za-z0-9+/=_-]{40,}|nvapi-[A-Za-z0-9_-]{60,}|hvs\.[A-Za-z0-9_-]{24,})\b"
        r"|\bATATT3[A-Za-z0-9_=-]{100,}"
        r"|\b[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}"
        r"|discord(?:app)?\.com/api/webhooks/\d{15,}/[A-Za-z0-9_-]{60,}"
    ),
    "Hugging Face token": r"\bhf_[A-Za-z0-9]{30,}",
    "registry token": r"\bnpm_[A-Za-z0-9]{36}\b|\bpypi-AgE[A-Za-z0-9_-]{40,}",
    "JSON web token": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    "password in an address": r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@'\"<>{}$]+:[^\s/:@'\"<>{}$]{4,}@[\w.-]+",
    "bearer token": r"(?i:authorization[\"']?\s*[:=]\s*[\"']?bearer\s+)[A-Za-z0-9._~+/=-]{20,}",
    "password in a header": (
        r"(?i:authorization[\"']?\s*[:=]\s*[\"']?basic\s+)[A-Za-z0-9+/]{10,}={0,2}(?![A-Za-z0-9+/=])"
    ),
    "assigned secret": (
        r"(?i:api[_-]?key|\btoken|access[_-]?token|auth[_-]?token|secret(?:[_-]?key)?|password|passwd)"
        r"[\"']?\s*[:=]\s*[\"'][A-Za-z0-9+/_=.-]{16,}[\"']"
        r"|\b[A-Z0-9_]*(?:KEY|TOKEN|SECRET|PASSWORD)=[A-Za-z0-9+/_-]{20,}"
    ),
    "assigned password": (
        r"(?i:passw(?:or)?d|passphrase|\bpwd|_pwd|db_?pass)\\?[\"']?\s*[:=]\s*\\?[\"']"
        r"[!#-&(-\[\]-~]{8,64}\\?[\"']"
    ),
}
_NAMES = list(KEYS)
_KEY = re.compile(
    "|".join(f"(?P<k{i}>{pattern})" for i, pattern in enumerate(KEYS.values())),
    re.ASCII,  # a key may stand right behind an ideograph
)
_HINTS = (
    *("-----begin", "sk-", "akia", "asia", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    *("glpat-", "xox", "hooks.slack", "aiza", "k_live_", "hf_", "npm_", "pypi-", "eyj", "://"),
    *("xapp-", "gocspx-", "ya29.", "whsec_", "sg.", ":aa", "dop_v1_", "shpat_", "shpca_"),
    *(
        "shppa_",
        "shpss_",
        "dapi",
        "r8_",
        "gsk_",
        "xai-",
        "bearer",
        "authorization",
        "pplx-",
        "lin_api_",
        "ntn_",
    ),
    *("figd_", "pmak-", "nrak-", "glsa_", "dckr_pat_", "sbp_", "pscale_", "pcsk_", "tvly-"),
    *("sntrys_", "sntryu_", "nvapi-", "hvs.", "atatt3"),
    *("key", "token", "secret", "pass", "pwd", "twilio", "discord"),
)
"""One of these stands in every key, in lower case: to look for them is quick."""

_PLACEHOLDER = re.compile(
    r"example|placeholder|your|dummy|fake|sample|changeme|redacted|1234567|abcdefg|xxxx|\*\*\*|\.\.\."
    r"|user:pass|localhost",
    re.IGNORECASE,
)
FEWEST_BITS = 2.5
"""Bits a character below which a would-be key is a pattern someone typed."""

LOOKED_AT = 150
"""So many characters of a key are searched for words: chance writes some into a longer one."""

STAND_INS = frozenset(
    {
        *("password", "passwd", "pass", "secret", "token", "guest", "root", "admin", "postgres"),
        *(
            "mysql",
            "test",
            "user",
            "username",
            "changeme",
            "tiger",
            "pwd",
            "my",
            "db",
            "secretpassword",
        ),
    }
)
"""Passwords that documentation writes into addresses."""

RFC_7617 = "Aladdin:open sesame"
"""The user and password that documentation writes into headers."""

_WORDLIKE = re.compile(r"[a-z]*|[A-Z]+|[A-Z][a-z]+|[a-z]{0,2}\d+[a-z]{0,2}")


def find_secret(example: Example) -> str | None:
    """The kinds of the keys that an example holds, each masked."""
    found = dict.fromkeys(f"{kind} {mask(key)}" for kind, key in secrets_in(example.text))
    return ", ".join(found) or None


def secrets_in(text: str) -> Iterator[tuple[str, str]]:
    """Kind and text of every key; what stands for one in documentation is none."""
    if not may_hold_keys(text):
        return
    for match in _KEY.finditer(text):
        kind, key = _NAMES[int(str(match.lastgroup)[1:])], match.group()
        if not _PLACEHOLDER.search(key[:LOOKED_AT]) and REAL.get(kind, is_random)(key):
            yield kind, key


def may_hold_keys(text: str) -> bool:
    """Is there anything in a text that keys have?"""
    folded = text.lower()
    return any(hint in folded for hint in _HINTS)


def is_random(key: str) -> bool:
    """Has a key digits and letters in no pattern?"""
    body = re.split(r"[:=]\s*", key.rstrip("=\"'"))[-1].lstrip("\"'")
    mixed = any(map(str.isdigit, body)) and any(map(str.isalpha, body))
    return mixed and entropy(body) >= FEWEST_BITS and not is_made_of_words(body)


def is_made_of_words(body: str) -> bool:
    """Is it words and numbers between dashes, as names of pages and paths are?"""
    return all(_WORDLIKE.fullmatch(piece) for piece in re.split(r"[-_./]", body))


def is_address_with_password(address: str) -> bool:
    """Is the password of an address one that somebody chose?"""
    user, _, password = address.partition("://")[2].rpartition("@")[0].partition(":")
    folded = password.casefold()
    if folded == user.casefold() or folded.rstrip("0123456789!") in STAND_INS:
        return False
    return not any(folded in (f"my{word}", f"{word}pass", f"{word}password") for word in STAND_INS)


_LEET = str.maketrans("@4301!$57", "aaeoiisst")
_SPELT = re.compile(
    r"pass|word|pwd|secret|admin|root|user|login|welcome|qwert|asdf|abc|hello|demo|test|letmein"
    r"|change|magic|dragon|master|super|monkey|1234"
)
_LETTERS = re.compile(r"[A-Za-z]{5,}")
_TEMPLATE = re.compile(r"[{}<>()]|%s|\$[A-Z_]")


def is_random_password(assigned: str) -> bool:
    """Is a password as short as people's one that nobody would write down as an example?"""
    body = re.split(r"[:=]\s*\\?[\"']", assigned.rstrip("\\\"'"), maxsplit=1)[-1]
    classes = (str.islower, str.isupper, str.isdigit)
    if not all(any(map(of_class, body)) for of_class in classes) or _TEMPLATE.search(body):
        return False
    spelt = body.lower(), body.lower().translate(_LEET)
    if _LETTERS.search(body) or any(map(_SPELT.search, spelt)):
        return False
    return entropy(body) >= FEWEST_BITS


FEWEST_ENCODED, FEWEST_CHOSEN = 12, 4


def is_header_with_password(header: str) -> bool:
    """Does a header of the Basic kind hold a user and a password that somebody chose?"""
    encoded = header.split()[-1]
    user, _, password = _decoded(encoded).partition(":")
    if len(encoded) < FEWEST_ENCODED or len(password) < FEWEST_CHOSEN:
        return len(encoded) >= FEWEST_ENCODED and is_random(user or encoded)
    pair = f"{user}:{password}"
    documented = _PLACEHOLDER.search(pair) is not None or pair == RFC_7617
    return not documented and is_address_with_password(f"basic://{pair}@")


def _decoded(encoded: str) -> str:
    """What a text stands for in base64; "" where that is no text."""
    try:
        text = b64decode(encoded.rstrip("=") + "==").decode()
    except ValueError:
        return ""
    return text if text.isprintable() else ""


REAL: Mapping[str, Callable[[str], bool]] = {
    "private key": lambda key: True,
    "password in an address": is_address_with_password,
    "password in a header": is_header_with_password,
    "assigned password": is_random_password,
}
"""How to tell a key from what only has its form, where randomness does not."""


def entropy(text: str) -> float:
    """Bits a character."""
    n = len(text)
    return -sum(k / n * math.log2(k / n) for k in Counter(text).values()) if n else 0.0


def mask(secret: str) -> str:
    """How a secret is shown: its first characters and its length."""
    return f"{secret[:4]}… ({len(secret)} characters)"


def masked(text: str) -> str:
    """A text with its keys and personal data masked."""
    if may_hold_keys(text):
        text = _KEY.sub(lambda match: mask(match.group()), text)
    return _PERSONAL.sub(lambda match: mask_person(match.group()), text)


# --- personal data -------------------------------------------------------------------

_EMAIL = r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,24}"
_CARD = r"(?<![\d.-])\d(?:[ -]?\d){12,18}(?![\d.-])"
_IBAN = r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"
_SSN = r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])"
_PHONE = r"(?<![\w+])\+\d{1,3}[ .-]?\(?\d{1,4}\)?(?:[ .-]?\d{2,4}){2,4}(?!\w)"
_PERSONAL = re.compile("|".join((_EMAIL, _IBAN, _SSN, _PHONE, _CARD)))
CARDS_BEGIN = "23456"
"""Other numbers of that length are times in milliseconds (1) and numbers of books (9)."""

_DIGITS = re.compile(r"\d[\d -]{4}")
_RESERVED = re.compile(
    r"@(?:[\w-]+\.)*(?:example\.\w+|test|invalid|localhost)$|^git@", re.IGNORECASE
)


def find_personal(example: Example) -> str | None:
    """The kinds of personal data that an example holds, each masked."""
    found = dict.fromkeys(f"{kind} {mask_person(text)}" for kind, text in personal_in(example.text))
    return ", ".join(found) or None


def personal_in(text: str) -> Iterator[tuple[str, str]]:
    """Kind and text of every e-mail address, telephone, card, account and security number."""
    if "@" not in text and _DIGITS.search(text) is None:
        return
    for match in _PERSONAL.finditer(text):
        kind = _kind_of(match.group())
        if kind:
            yield kind, match.group()


def _kind_of(found: str) -> str:
    """What personal data a text is; "" where its check digits say that it is none."""
    if "@" in found:
        return "" if _RESERVED.search(found) else "e-mail"
    if found[:2].isalpha():
        return "IBAN" if is_iban(found) else ""
    if found.startswith("+"):
        return "telephone"
    digits = [int(c) for c in found if c.isdigit()]
    if len(digits) == 9:
        return "social security number"
    return "card number" if found[0] in CARDS_BEGIN and passes_luhn(digits) else ""


def passes_luhn(digits: list[int]) -> bool:
    """Do a card number's check digits fit?"""
    doubled = (sum(divmod(2 * d, 10)) for d in digits[-2::-2])
    return len(set(digits)) > 2 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_iban(text: str) -> bool:
    """Do an account number's check digits fit (ISO 13616)?"""
    bare = text.replace(" ", "")
    moved = bare[4:] + bare[:4]
    return int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def mask_person(text: str) -> str:
    """How personal data are shown: the first two characters."""
    return f"{text[:2]}…"
