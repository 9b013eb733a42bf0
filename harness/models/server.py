"""Where an OpenAI-compatible server is, what goes with every request, and what stays secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import SplitResult, urlsplit, urlunsplit

from harness.errors import UsageError

SHORTEST_SECRET = 6
"""Shorter keys (``x``, ``EMPTY``) are placeholders; hiding them would maim ordinary words."""

SURELY_SECRET = 12
"""Shorter values of headers and queries may be words of an answer."""


@dataclass(frozen=True)
class Server:
    """An address with its credentials. ``headers`` win over those made from the other fields.

    Raises:
        UsageError: an address, key or header that cannot be used.
    """

    base_url: str = field(repr=False)
    api_key: str | None = field(default=None, repr=False)
    organization: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        _check_address(self._address)
        _check_headers(self.sent_headers)

    def url(self, path: str) -> str:
        """The address of an API path; a query of the base URL goes with it."""
        scheme, netloc, root, query, _ = self._address
        return urlunsplit((scheme, netloc, f"{root.rstrip('/')}/{path}", query, ""))

    @cached_property
    def sent_headers(self) -> dict[str, str]:
        """The headers of every request."""
        sent = {"Content-Type": "application/json", "User-Agent": "finetune-harness"}
        if self.api_key:
            sent["Authorization"] = f"Bearer {self.api_key.strip()}"
        if self.organization:
            sent["OpenAI-Organization"] = self.organization
        return sent | dict(self.headers)

    def hidden(self, text: str) -> str:
        """The text without the key, the values of custom headers and of the URL's query."""
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        return text

    def cleaned(self, raw: bytes) -> bytes:
        """An answer without our own secrets, where a server repeats what it was sent."""
        for secret in self._raw_secrets:
            if secret in raw:
                raw = raw.replace(secret, b"[key]")
        return raw

    @cached_property
    def _raw_secrets(self) -> tuple[bytes, ...]:
        return tuple(secret.encode() for secret in self._secrets if len(secret) >= SURELY_SECRET)

    @cached_property
    def _address(self) -> SplitResult:
        try:
            address = urlsplit(self.base_url.strip())
            _ = address.port  # a port that is no number raises here
        except ValueError as error:
            raise UsageError(
                "--base-url is no address (look at its port); write it like "
                "http://127.0.0.1:8000/v1"
            ) from error
        return address

    @cached_property
    def _secrets(self) -> tuple[str, ...]:
        """Longest first, so that no secret's end survives the hiding of its start."""
        given = [self.api_key or "", *self.headers.values()]
        given += [pair.partition("=")[2] for pair in self._address.query.split("&")]
        secrets = {secret.strip().removeprefix("Bearer ") for secret in given}
        return tuple(sorted((s for s in secrets if len(s) >= SHORTEST_SECRET), key=len)[::-1])


def shown(url: str) -> str:
    """A URL as messages show it: without its query, which may hold a key."""
    return url.split("?", 1)[0]


def _check_address(address: SplitResult) -> None:
    if address.username or address.password:
        raise UsageError("--base-url carries a user or a password; send them as a header instead")
    if address.scheme not in ("http", "https") or not address.hostname:
        raise UsageError(
            f"--base-url {shown(address.geturl())!r} is no http(s) address; "
            "write it like http://127.0.0.1:8000/v1"
        )


def _check_headers(sent: Mapping[str, str]) -> None:
    for name, value in sent.items():
        if not (f"{name}{value}".isascii() and f"{name}{value}".isprintable()):
            raise UsageError(
                f"header {name!r} has characters that cannot be sent; look for line breaks and "
                "typographic quotes in the API key or the header"
            )
