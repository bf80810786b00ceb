"""Plain data and tensors that ``torch.save`` wrote, without torch and without executing a pickle.

Both of torch's formats are read: the zip archive (``data.pkl`` beside one file per storage) and
the older sequence of pickles (magic number, version, system, the object, the storages' keys)
followed by the storages' bytes. See ``plain_pickle`` for why nothing in a file can run.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from latkit.errors import StoreError
from latkit.reading import MIB, read_bytes
from latkit.store.io.plain_pickle import Maker, is_key, read

MAX_BYTES = 64 * MIB
MAX_ELEMENTS = 2_000_000
MAX_DIMENSIONS = 4
MAX_ENTRIES = 65_535
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MAGIC = 0x1950A86A20F9469CFC6C
_ZIP_SIGN = b"PK\x03\x04"
_ENTRY_SIGN = b"PK\x01\x02"


@dataclass(slots=True)
class Storage:
    """A run of numbers of one kind; ``content`` is filled in once its bytes were met."""

    dtype: str
    count: int
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A view of a storage, as torch describes it."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def tolist(self) -> Any:
        """Nested lists of numbers; raises StoreError where the view leaves its storage."""
        import numpy as np

        if math.prod(max(size, 1) for size in self.shape) > MAX_ELEMENTS:
            raise StoreError(f"it holds a tensor of more than {MAX_ELEMENTS:,} numbers")
        places = np.asarray(self.offset)
        for size, stride in zip(self.shape, self.strides, strict=True):
            places = places[..., None] + stride * np.arange(size)
        values = np.frombuffer(self.storage.content, dtype=self.storage.dtype)
        if places.size and places.max() >= len(values):
            raise StoreError("it holds a tensor that is larger than its data")
        return values[places].tolist()


@dataclass(frozen=True, slots=True)
class _StorageType:
    dtype: str


def load(path: Path) -> Any:
    """What ``torch.save`` put into a file: plain values.

    A tensor becomes nested lists, a list of tensors with one number each becomes a list of
    numbers; deeper inside, a tensor stays a Tensor. Raises StoreError where the file is damaged,
    too large, or holds anything else.
    """
    try:
        return _plain(_load(path))
    except OSError as problem:
        raise StoreError(f"cannot read {path}: {problem.strerror or problem}") from None
    except StoreError as problem:
        raise StoreError(f"{path} cannot be read: {problem.message}", problem.hint) from None
    except _DAMAGE as problem:
        raise StoreError(f"{path} is damaged, or cut short ({str(problem)[:80]})") from None


# All that zipfile and struct raise for damaged archives.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    ValueError,
    TypeError,
    RuntimeError,
)


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.tolist()
    if isinstance(value, list):
        return [_number(item) if isinstance(item, Tensor) else item for item in value]
    return value


def _number(tensor: Tensor) -> Any:
    if math.prod(tensor.shape) != 1:
        raise StoreError("it holds a list of tensors, not of numbers")
    value = tensor.tolist()
    while isinstance(value, list):
        (value,) = value
    return value


def _load(path: Path) -> Any:
    content = read_bytes(path, MAX_BYTES)
    if not content.startswith(_ZIP_SIGN):
        return _read_sequence(io.BytesIO(content))
    if content.count(_ENTRY_SIGN) > MAX_ENTRIES:
        raise StoreError(f"it is an archive of more than {MAX_ENTRIES:,} files")
    return _read_zip(io.BytesIO(content))


def _read_zip(file: BinaryIO) -> Any:
    with zipfile.ZipFile(file) as archive:
        members = {member.filename: member for member in archive.infolist()}
        if sum(member.file_size for member in members.values()) > MAX_BYTES:
            raise StoreError(f"it unpacks to more than {MAX_BYTES // MIB} MiB")
        if not all(member.compress_type in _COMPRESSIONS for member in members.values()):
            raise StoreError("it is compressed in a way that torch.save never uses")
        pickled = next((name for name in members if name.endswith("/data.pkl")), None)
        if pickled is None:
            raise StoreError("it is a zip archive without data.pkl")
        folder = pickled.removesuffix("data.pkl")
        _require_little_endian(archive, members, f"{folder}byteorder")

        def content_of(key: str) -> bytes:
            return archive.read(members[f"{folder}data/{key}"])

        return read(io.BytesIO(archive.read(pickled)), _STAND_INS, _storages(content_of))


def _require_little_endian(archive: zipfile.ZipFile, members: Any, name: str) -> None:
    if name in members and archive.read(name) != b"little":
        raise StoreError("it was written on a big-endian computer")


def _read_sequence(stream: BinaryIO) -> Any:
    storages: dict[str, Storage] = {}
    storage_of = _storages(lambda _: b"", storages)
    if read(stream, {}, storage_of) != _MAGIC:
        raise StoreError("it is no file of torch.save")
    for _ in ("version", "system"):
        read(stream, {}, storage_of)
    value = read(stream, _STAND_INS, storage_of)
    for key in read(stream, {}, storage_of):
        (count,) = struct.unpack("<q", stream.read(8))
        storage = storages[key]
        if count != storage.count:
            raise StoreError("a storage is not as long as it says")
        storage.content = stream.read(_bytes_of(storage))
    return value


def _storages(
    content_of: Callable[[str], bytes], known: dict[str, Storage] | None = None
) -> Callable[[Any], Storage]:
    """Gives the storage of a persistent id, the same for the same key."""
    found = {} if known is None else known

    def storage_of(identity: Any) -> Storage:
        match identity:
            case ("storage", _StorageType(dtype), str(key), str(), int(count), *_) if is_key(key):
                if key not in found:
                    found[key] = Storage(dtype, count, content_of(key))
                return found[key]
        raise StoreError("it refers to data of an unknown kind")

    return storage_of


def _bytes_of(storage: Storage) -> int:
    if not 0 <= storage.count <= MAX_ELEMENTS:
        raise StoreError(f"it holds a storage of more than {MAX_ELEMENTS:,} numbers")
    return storage.count * int(storage.dtype[-1])


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Tensor:
    plain = all(type(numbers) is tuple for numbers in (shape, strides))
    if not isinstance(storage, Storage) or not plain or len(shape) != len(strides):
        raise StoreError("it holds a tensor of an unknown form")
    if not all(type(n) is int and 0 <= n <= MAX_BYTES for n in (offset, *shape, *strides)):
        raise StoreError("it holds a tensor of an impossible size")
    if len(shape) > MAX_DIMENSIONS:
        raise StoreError(f"it holds a tensor of more than {MAX_DIMENSIONS} dimensions")
    return Tensor(storage, offset, shape, strides)


_DTYPES = {
    "Double": "<f8",
    "Float": "<f4",
    "Half": "<f2",
    "Long": "<i8",
    "Int": "<i4",
    "Short": "<i2",
    "Char": "<i1",
    "Byte": "<u1",
    "Bool": "|b1",
}
_STAND_INS: dict[str, Any] = {
    "torch._utils _rebuild_tensor_v2": Maker(_tensor, most=7),
    "collections OrderedDict": Maker(dict, most=0),
    **{f"torch {kind}Storage": _StorageType(dtype) for kind, dtype in _DTYPES.items()},
}
