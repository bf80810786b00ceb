"""Putting files on a device by shell commands alone, as every device has them."""

from __future__ import annotations

import posixpath
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from latkit.devices.transport.last_words import last_words
from latkit.devices.transport.process import collect
from latkit.devices.transport.streams import Streams
from latkit.devices.transport.time_limit import TransferLimit
from latkit.errors import RemoteCommandError

_PIECE_BYTES = 256 * 1024

# Folder, temporary name, size, name. What is there already is never written to: `set -C`.
_PUT = """\
LC_ALL=C; export LC_ALL; umask 077
mkdir -p -- "$1" || exit
if [ -d "$4" ]; then echo "there is a folder of that name" >&2; exit 1; fi
set -C
: > "$2" || exit
set +C
if cat >> "$2"; then
    size=$(($(wc -c < "$2")))
    if [ "$size" -ne "$3" ]; then echo "$size of $3 bytes arrived" >&2
    elif mv -f -- "$2" "$4"; then exit 0
    fi
fi
rm -f -- "$2"
exit 1
"""


def put(
    start: Callable[[Sequence[str]], Streams],
    local: Path,
    remote: str,
    where: str,
    timeout_s: float,
) -> None:
    """Write beside the target and rename, so that a file there is always whole.

    ``start`` runs a command on the device ``where``; ``timeout_s`` is how long it may take without
    getting on. Raises RemoteCommandError.
    """
    size = local.stat().st_size
    command = ["sh", "-c", _PUT, "sh", posixpath.dirname(remote), beside(remote), str(size), remote]
    action = f"cannot put {local.name} at {remote} on {where}"
    try:
        ended = collect(start(command), _pieces(local), TransferLimit(timeout_s))
    except TimeoutError:
        raise RemoteCommandError(
            f"{action}: it took hardly anything of it for {timeout_s:g} s",
            "is the link too slow, or the device busy? command_timeout_s in its profile is how "
            "long it may take without getting on",
        ) from None
    if ended.returncode != 0:
        said = last_words(ended.stderr) or f"status {ended.returncode}"
        raise RemoteCommandError(f"{action}: {said}")


def beside(remote: str) -> str:
    """A name in the same folder that nobody can foresee."""
    folder, name = posixpath.split(remote)
    return posixpath.join(folder, f".{name[:100]}.{uuid.uuid4().hex}.part")


def free_bytes(df: str) -> int | None:
    """What ``df -Pk`` says is free, if it says so."""
    match = re.search(r"\s\d+\s+\d+\s+(\d+)\s+\d+%\s", df)
    return int(match[1]) * 1024 if match else None


def _pieces(local: Path) -> Iterator[bytes]:
    with local.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece
