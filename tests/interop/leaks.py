# SPDX-License-Identifier: MIT
"""Looks for secrets in text, in every form in which somebody might print them by accident."""

import base64
import re
from collections.abc import Iterator, Mapping

# Half of a key is found too: a log that cuts a line short must not hide a leak.
_PART_BYTES = 16
_SEPARATORS = re.compile(r"0x|\\x|[\s:,.;{}\[\]-]")


def find_leaks(text: str, secrets: Mapping[str, bytes]) -> list[str]:
    """Return one line for each secret and form that is in the text: which secret, which form, never the secret.

    Forms: as it is (auth keys), hex in any case with or without separators, base64 and base64url with or without
    padding and at any alignment in longer data; of each also either half. Raises ValueError for a secret of less
    than 16 bytes, which could be found by chance.
    """
    plain = text.lower()
    dense = _SEPARATORS.sub("", plain)
    found = []
    for name, secret in secrets.items():
        if len(secret) < _PART_BYTES:
            message = f"{name}: {len(secret)} bytes are too few to look for"
            raise ValueError(message)
        if secret.isascii() and _inside(text, secret.decode("ascii")):
            found.append(f"{name} as text")
        found += [f"{name} as hex" for part in _parts(secret) if part.hex() in plain or part.hex() in dense]
        found += [f"{name} as base64" for part in _parts(secret) for form in _base64_forms(part) if form in text]
    return list(dict.fromkeys(found))


def _inside(text: str, secret: str) -> bool:
    return any(part.decode() in text for part in _parts(secret.encode()))


def _parts(secret: bytes) -> Iterator[bytes]:
    """Every piece of 16 bytes that starts at an eighth byte: half a key contains one."""
    starts = range(0, len(secret) - _PART_BYTES + 1, _PART_BYTES // 2)
    yield from (secret[start : start + _PART_BYTES] for start in starts)
    yield secret[-_PART_BYTES:]


def _base64_forms(part: bytes) -> Iterator[str]:
    """Characters that only the part decides, at each of the three alignments, in both alphabets."""
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + part).decode()
        first = -(-shift * 8 // 6)
        core = encoded[first : (shift + len(part)) * 8 // 6]
        yield core
        yield core.replace("+", "-").replace("/", "_")
