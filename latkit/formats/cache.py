"""Model files that were built before, found again by what they were built from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from latkit.errors import StoreError
from latkit.files import replacing
from latkit.formats import FORMATS, Builder, require_precision
from latkit.network import Network
from latkit.subjects import ModelFile, Recipe

ONNX = Recipe("onnx")


class ModelCache:
    """Builds a model once; safe to share between processes, and to delete at any time.

    A file lies in a folder named after the digest of network, seed, batch, format, builder version
    and precision, and is itself named after its content, so that a damaged one is noticed and built
    anew.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, network: Network, recipe: Recipe = ONNX, *, seed: int = 0) -> ModelFile:
        """The model's file, built now if need be.

        Raises UnknownNameError for an unknown format, UsageError for a precision that it does not
        have, StoreError where the file cannot be written.
        """
        made_by, wanted = FORMATS.get(recipe.format), (seed, recipe.batch, recipe.precision)
        require_precision(recipe.format, recipe.precision)
        parts = [network.digest(), *wanted, recipe.format, made_by.version]
        key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        folder = self.root / key[:2] / key
        found = _intact(folder, made_by)
        path = found or _write(folder, made_by, made_by.build(network, *wanted))
        return ModelFile(path, path.stem, recipe.format)


def _intact(folder: Path, made_by: Builder) -> Path | None:
    matches = (path for path in folder.glob(f"*{made_by.suffix}") if _digest(path) == path.stem)
    return next(matches, None)


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _write(folder: Path, made_by: Builder, content: bytes) -> Path:
    path = folder / (hashlib.sha256(content).hexdigest() + made_by.suffix)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    except OSError as problem:
        hint = "free some space there, or set LATKIT_CACHE_DIR to a folder with room"
        message = f"cannot write a model file to {folder}: {problem.strerror}"
        raise StoreError(message, hint) from None
    return path
