"""What a tuned model's name carries of the experiment that it was tuned for."""

from __future__ import annotations

import hashlib
import re
import unicodedata

VALID = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""What servers take as the suffix of a job."""

OTHERS = re.compile(r"[^A-Za-z0-9._-]+")
MOST = 64
HEX_DIGITS = 8


def suffix_of(name: str) -> str:
    """A name as a job's suffix; one that had to be changed has a hash, so that no two are alike."""
    if VALID.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:HEX_DIGITS]
    bare = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    kept = OTHERS.sub("-", bare).strip("-")[: MOST - HEX_DIGITS - 1]
    return f"{kept}-{digest}" if kept else digest
