"""Networks in every form in which people have them, as subjects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latkit import spaces
from latkit.errors import ArchError, UsageError
from latkit.spaces.base import Space
from latkit.subjects import Subject

NetworkLike = str | Subject | Mapping[str, Any] | NDArray[np.int64]
Networks = NetworkLike | Sequence[NetworkLike]
"""One network or several: official strings, subjects, what an arch file holds, or operation
indices, shape (positions,) or, of several, (n, positions).
"""


def several(networks: Networks) -> list[NetworkLike] | NDArray[np.int64]:
    """One network as the only one of a list; a matrix stays one, to be predicted as a whole."""
    if isinstance(networks, str | Subject | Mapping):
        return [networks]
    if isinstance(networks, np.ndarray) and networks.ndim == 2:
        return networks
    found = list(networks)
    is_row = bool(found) and isinstance(found[0], int | float | np.number)
    return [np.asarray(found)] if is_row else found


def subjects(networks: Networks, space: Space) -> list[Subject]:
    """Networks as subjects; strings and indices are of ``space``, the others say of which.

    Raises ArchError or UsageError for one that is none.
    """
    return [_subject(network, space) for network in several(networks)]


def _subject(network: NetworkLike, space: Space) -> Subject:
    if isinstance(network, str):
        return space.parse(network)
    if isinstance(network, Subject | Mapping):
        collection, text = named(network)
        return spaces.get(collection).parse(text)
    return space.from_indices(_indices(network, space))


def _indices(network: Iterable[int], space: Space) -> NDArray[np.int64]:
    row = np.asarray(network)
    if row.shape != (space.positions,) or not np.issubdtype(row.dtype, np.integer):
        raise UsageError(
            f"{row.dtype} numbers of shape {row.shape} are no network of {space.name}",
            f"operation indices are whole numbers of shape ({space.positions},) or "
            f"(n, {space.positions})",
        )
    return row.astype(np.int64)


def named(network: Subject | Mapping[str, Any]) -> tuple[str, str]:
    """Collection and key of a network; raises ArchError for a mapping that lacks one."""
    if isinstance(network, Subject):
        return network.collection, network.key
    found = network.get("space"), network.get("arch")
    if not all(isinstance(text, str) for text in found):
        raise ArchError(
            f"a network needs the keys 'space' and 'arch', this has {', '.join(map(str, network))}",
            '{"space": "nb201", "arch": "|nor_conv_3x3~0|+|..."}',
        )
    return str(found[0]), str(found[1])
