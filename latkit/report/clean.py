r"""Text of anybody's, made fit to be shown.

What devices, files and databases say may hold characters that steer a terminal, hide text or turn
it round. They are shown as what they are (``\x1b``, ``\u202e``), so that nothing is lost either.
"""

from __future__ import annotations

import re

# What str.isprintable() lets pass though it shows nothing: joiners, fillers, variation selectors.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# Longer than a path or an architecture in earnest.
_LONG_WORD = re.compile(r"(?<!\S)(\S{40})\S{400,}(\S{40})")
_BREAKS = re.compile(r"\s*[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+\s*")


def clean(text: str) -> str:
    """The text with all that is no plain character or line's end escaped; tabs become spaces."""
    spaced = text.replace("\r\n", "\n").replace("\t", " ")
    if spaced.isprintable() and not _INVISIBLE.search(spaced):
        return spaced
    return "".join(char if _is_plain(char) else _escaped(char) for char in spaced)


def one_line(text: str) -> str:
    """The same on a single line, as for a cell of a table."""
    return clean(_BREAKS.sub(" ", text).strip())


def shortened(text: str) -> str:
    """The same without the middle of words that nobody would read: numbers of 5,000 digits."""
    return _LONG_WORD.sub(r"\1…\2", text)


def _is_plain(char: str) -> bool:
    return char == "\n" or (char.isprintable() and not _INVISIBLE.match(char))


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
