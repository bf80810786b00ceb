"""A last line of ours in a stream, after which it belongs to others."""

from __future__ import annotations

_VALUE_LIMIT_BYTES = 64


class Marked:
    """Ends a stream at a line ``MARK VALUE``, wherever that begins and however it is cut up.

    Attributes:
        value: of the mark, once it has come; nothing after it is given back.
    """

    value: str | None = None

    def __init__(self, mark: str) -> None:
        self._mark = f"{mark} ".encode()
        self._held = b""

    def before(self, chunk: bytes) -> bytes:
        """What of the stream so far certainly came before it, and was not given back already."""
        if self.value is not None:
            return b""
        text, self._held = self._held + chunk, b""
        before, mark, after = text.partition(self._mark)
        if not mark:
            return self._but_its_beginning(text)
        value, newline, _ = after.partition(b"\n")
        if not newline and len(after) <= _VALUE_LIMIT_BYTES:
            self._held = mark + after
            return before
        self.value = value.decode("ascii", "replace").strip()
        return before

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
