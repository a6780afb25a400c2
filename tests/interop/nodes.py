# SPDX-License-Identifier: MIT
"""What the fixtures that make nodes give to a test."""

from typing import Protocol

from lab import Place
from microlinkd import Microlinkd
from peers import Tailscaled


class StartTailscaled(Protocol):
    """Starts an official node in a namespace and joins it to the test's control plane."""

    def __call__(self, place: Place, name: str, *, tun: str | None = None) -> Tailscaled:
        """Return the node when control has let it in."""


class MakeMicrolinkd(Protocol):
    """Makes a node of ours for the test's control plane."""

    def __call__(self, place: Place, name: str = "microlink") -> Microlinkd:
        """Return the node, not yet started."""


class Meet(Protocol):
    """Starts a node of ours at a and an official one at b that know each other."""

    def __call__(self, *options: str, relayed: bool = False) -> tuple[Microlinkd, Tailscaled]:
        """Return both, with a direct path between them unless `relayed`: then ours knows the relay alone."""


class Online(Protocol):
    """Starts a node of ours and waits until it is online."""

    def __call__(self, place: Place, name: str = "microlink", *options: str) -> Microlinkd:
        """Return the node."""
