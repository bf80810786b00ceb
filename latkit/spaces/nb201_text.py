"""NB201 cells in writing: the official string, lists of operations, NATS-Bench's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from random import Random
from reprlib import repr as shorten

from latkit.errors import ArchError, UnknownNameError
from latkit.spaces import notation

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
NODES = 4
EDGES = tuple((source, target) for target in range(1, NODES) for source in range(target))
FORM = "|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|"
FORM_HINT = f"the official form is {FORM.replace('{}', 'op')}"

_INDEX = {name: index for index, name in enumerate(OPERATIONS)}


@cache
def official_order() -> list[int]:
    """Where the cell of each NATS-Bench index stands in ``enumerate_indices``.

    The authors shuffled all cells so (AutoDL-Projects, ``exps/NATS-Bench/main-tss.py``).
    """
    order = list(range(len(OPERATIONS) ** len(EDGES)))
    Random(88).shuffle(order)  # noqa: S311 (nothing secret)
    return order


def read_words(words: Sequence[str]) -> list[int]:
    """Operation indices of six operations, or of each with the node that it comes from."""
    if len(words) == 2 * len(EDGES):
        pairs = [f"{name}~{source}" for name, source in zip(words[::2], words[1::2], strict=True)]
        first, second, third = pairs[:1], pairs[1:3], pairs[3:]
        return read_cell("+".join(f"|{'|'.join(node)}|" for node in (first, second, third)))
    if len(words) != len(EDGES):
        raise ArchError(f"nb201: expected {len(EDGES)} operations, found {len(words)}", FORM_HINT)
    return [_read_word(word, number) for number, word in enumerate(words, start=1)]


def _read_word(word: str, number: int) -> int:
    index = notation.number(word)
    if index is not None and index < len(OPERATIONS):
        return index
    return _operation(word, f"at place {number}")


def read_cell(text: str) -> list[int]:
    """Operation indices of an official string; ArchError names token, node and character."""
    nodes = text.split("+")
    if len(nodes) != NODES - 1:
        wrong = f"found {len(nodes)} in {shorten(text)}"
        raise ArchError(f"nb201: expected {NODES - 1} nodes joined by '+', {wrong}", FORM_HINT)
    found: list[int] = []
    start = 0
    for number, node in enumerate(nodes, start=1):
        found += _read_node(node, number, start)
        start += len(node) + 1
    return found


def _read_node(node: str, number: int, start: int) -> list[int]:
    where = f"nb201: node {number} (character {start + 1})"
    if len(node) < 2 or node[0] != "|" or node[-1] != "|":
        raise ArchError(f"{where}: {shorten(node)} does not begin and end with '|'", FORM_HINT)
    tokens = node[1:-1].split("|")
    if len(tokens) != number:
        message = f"{where}: expected {number} operations, found {len(tokens)} in {shorten(node)}"
        raise ArchError(message, FORM_HINT)
    found = []
    position = start + 1
    for source, token in enumerate(tokens):
        found.append(_read_token(token, source, f"node {number} (character {position + 1})"))
        position += len(token) + 1
    return found


def _read_token(token: str, source: int, where: str) -> int:
    name, _, origin = token.partition("~")
    index = _operation(name, f"in {shorten(token)} at {where}")
    if origin != str(source):
        message = f"nb201: expected '{name}~{source}', found {shorten(token)} at {where}"
        raise ArchError(message, FORM_HINT)
    return index


def _operation(name: str, where: str) -> int:
    if name not in _INDEX:
        error = UnknownNameError("operation", name[:40], OPERATIONS)
        raise ArchError(f"nb201: {error.message} {where}", error.hint)
    return _INDEX[name]
