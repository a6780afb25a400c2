# SPDX-License-Identifier: MIT
"""Waiting for conditions: the only place of the suite that lets time pass."""

import http.client
import time
from collections.abc import Callable

POLL_INTERVAL = 0.01
# What a peer that is not ready yet answers with.
NOT_READY = (OSError, ValueError, http.client.HTTPException)


class NotReachedError(AssertionError):
    """A condition was not true in time."""


def wait_for[T](what: str, probe: Callable[[], T | None], seconds: float = 15) -> T:
    """Call `probe` until it returns something true, and return that.

    Connection errors and unreadable answers count as "not yet". Raises NotReachedError with the last answer after
    `seconds`.
    """
    deadline = time.monotonic() + seconds
    last: object = None
    while True:
        try:
            value = probe()
        except NOT_READY as error:
            last = error
        else:
            if value:
                return value
            last = value
        if time.monotonic() > deadline:
            message = f"{what}: not within {seconds:g} s; last seen: {last!r}"
            raise NotReachedError(message)
        time.sleep(POLL_INTERVAL)


def stays(what: str, probe: Callable[[], object], seconds: float) -> None:
    """Check that `probe` stays true for `seconds`; raises NotReachedError when it does not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = probe()
        if not value:
            message = f"{what}: no longer true after {seconds - (deadline - time.monotonic()):.1f} s: {value!r}"
            raise NotReachedError(message)
        time.sleep(POLL_INTERVAL)


class Stopwatch:
    """Seconds since it was made; prints what it measured so that `pytest -rP` shows it."""

    def __init__(self) -> None:
        """Start at zero."""
        self._start = time.monotonic()

    def seconds(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._start

    def lap(self, what: str) -> float:
        """Print and return the seconds since the start."""
        seconds = self.seconds()
        print(f"{what}: {seconds:.3f} s")
        return seconds
