"""How long something may take: so long in all, or so long without getting on."""

from __future__ import annotations

import time

# Slower than the slowest link that anybody measures over; whatever drips is no transfer.
MIN_RATE_BYTES_S = 10_000


class TimeLimit:
    """So long in all."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._begin()

    def left_s(self) -> float:
        """How much of it is left, 0 at the end."""
        return max(0.0, self._deadline - time.monotonic())

    def moved(self, size_bytes: int) -> None:
        """Take note of what was transferred."""

    def _begin(self) -> None:
        self._deadline = time.monotonic() + self.timeout_s


class TransferLimit(TimeLimit):
    """So long, begun anew each time that as much was transferred as can be expected in it."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(timeout_s)
        self._moved_bytes = 0

    def moved(self, size_bytes: int) -> None:
        self._moved_bytes += size_bytes
        if self._moved_bytes >= MIN_RATE_BYTES_S * self.timeout_s:
            self._moved_bytes = 0
            self._begin()
