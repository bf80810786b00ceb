"""One line of ours in a stream that belongs to others."""

from __future__ import annotations

_VALUE_LIMIT_BYTES = 64


class Marked:
    """Takes a line ``MARK VALUE`` out of a stream, wherever it begins and however it is cut up.

    Attributes:
        value: of the mark, once it has come.
    """

    value: str | None = None

    def __init__(self, mark: str) -> None:
        self._mark = f"{mark} ".encode()
        self._held = b""

    def without(self, chunk: bytes) -> bytes:
        """What of the stream so far is certainly not the mark, and was not given back before."""
        text, self._held = self._held + chunk, b""
        if self.value is not None:
            return text
        before, mark, after = text.partition(self._mark)
        if not mark:
            return self._but_its_beginning(text)
        value, newline, rest = after.partition(b"\n")
        if not newline and len(after) <= _VALUE_LIMIT_BYTES:
            self._held = mark + after
            return before
        self.value = value.decode("ascii", "replace").strip()
        return before + rest

    def rest(self) -> bytes:
        """What was held back in case that it was the mark, at the stream's end."""
        held, self._held = self._held, b""
        return held

    def _but_its_beginning(self, text: bytes) -> bytes:
        for length in range(min(len(text), len(self._mark) - 1), 0, -1):
            if text.endswith(self._mark[:length]):
                self._held = text[-length:]
                return text[:-length]
        return text
