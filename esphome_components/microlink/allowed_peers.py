# SPDX-License-Identifier: MIT
"""Who may talk with the node at all, and who keeps a place in its table: the options, and what their values may be."""

import ipaddress
import re

import esphome.config_validation as cv

CONF_ALLOWED_PEERS = "allowed_peers"
CONF_PRIORITY_PEERS = "priority_peers"
# The core's limits (capacity.h).
MAX_ENTRIES = 16
MAX_PACKED_BYTES = 232
MAX_NAME_BYTES = 64
MAX_TAG_BYTES = 40

_HOW = "write a name like 'phone', an address like '100.64.0.7', a block, 'tag:NAME' or 'nodekey:KEY'"


def _packed_bytes(entry: str) -> int:
    """Return what an entry takes in the core's list. Raises cv.Invalid."""
    if re.fullmatch(r"nodekey:[0-9a-f]{64}", entry):
        return 33
    if entry.startswith("tag:"):
        if not re.fullmatch(r"tag:[a-z0-9_-]+", entry) or len(entry) > MAX_TAG_BYTES:
            raise cv.Invalid(
                f"'{entry}' is no tag: 'tag:' and letters, digits and dashes, as the tailnet's policy has it"
            )
        return 2 + len(entry) - len("tag:")
    try:
        return 6 if ipaddress.ip_network(entry).version == 4 else 18
    except ValueError as error:
        if "host bits" in str(error):
            raise cv.Invalid(f"'{entry}' has bits behind the block's length; is another block meant?") from error
    labels = entry.split(".")
    if (
        not all(re.fullmatch(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", label) for label in labels)
        or labels[-1].isdecimal()
        or len(entry) > MAX_NAME_BYTES
    ):
        raise cv.Invalid(f"'{entry}' is no peer: {_HOW}")
    return 2 + len(entry)


def _selectors(value: object, everybody: str) -> list[str]:
    given = value if isinstance(value, list) else [value]
    entries = [cv.string_strict(entry).strip().lower().removesuffix(".") for entry in given]
    if "*" in entries:
        raise cv.Invalid(everybody)
    size = 0
    for position, entry in enumerate(entries):
        with cv.prepend_path([position] if isinstance(value, list) else []):
            size += _packed_bytes(entry)
            if entry in entries[:position]:
                raise cv.Invalid(f"'{entry}' stands there twice")
    if len(entries) > MAX_ENTRIES or size > MAX_PACKED_BYTES:
        raise cv.Invalid(
            f"The list is too long: {MAX_ENTRIES} entries, or 7 node keys, are possible. A tag names many peers"
        )
    return entries


def ALLOWED_PEERS(value: object) -> list[str]:  # noqa: N802 - a validator reads like a type in a schema
    """Accept one entry or a list of them; an empty list is nobody."""
    return _selectors(
        value, "'*' is what counts without the option: remove 'allowed_peers' to let in whom the rules let in"
    )


def PRIORITY_PEERS(value: object) -> list[str]:  # noqa: N802 - a validator reads like a type in a schema
    """Accept one entry or a list of them."""
    return _selectors(value, "'*' gives everybody the same place: name the peers that matter most")


def LIST_OF_PEERS(value: object) -> str:  # noqa: N802 - a validator reads like a type in a schema
    """Accept the same for an action, where "*" is everybody; the list as one text."""
    if value == "*":
        return "*"
    return " ".join(ALLOWED_PEERS(value))
