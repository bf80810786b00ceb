"""A pretrained predictor of a space: all that adapting to a device needs, in one small folder.

``features.onnx`` maps operation indices to costs, predictions for the source devices and kernel
blocks; ``prior.safetensors`` holds the adapter's hypotheses; ``manifest.json`` tells what it was
trained on, with what, by which command. Nothing in it can execute.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from latkit.errors import BundleError
from latkit.features.features import Features
from latkit.files import write_whole
from latkit.predictor import graph_file
from latkit.predictor.prior import Prior
from latkit.predictor.session import CHUNK, INPUT, open_session
from latkit.reading import parse_json, read_bytes
from latkit.spaces.base import Indices

FORMAT = 2
BLOCK = "block_"
MANIFEST, FEATURES, PRIOR = "manifest.json", "features.onnx", "prior.safetensors"
MAX_BYTES = {MANIFEST: 4 << 20, PRIOR: 32 << 20, FEATURES: graph_file.MAX_BYTES}
_HINT = "'latkit pretrain' makes one that is whole"


@dataclass(frozen=True)
class Bundle:
    """A pretrained predictor.

    Args:
        manifest: space, source devices, names of costs and blocks, and how it was made.
        features_onnx: the serialised features graph. Its input ``operations`` is int64 (n,
            positions); its outputs, float32, are ``costs``, ``sources`` and ``block_<name>``.
        prior: the adapter's hypotheses.
    """

    manifest: Mapping[str, Any]
    features_onnx: bytes
    prior: Prior

    @property
    def space(self) -> str:
        """Name of the space that this is for."""
        return str(self.manifest["space"])

    @classmethod
    def load(cls, folder: Path) -> Bundle:
        """Read a bundle; raises BundleError where it is missing, damaged or of another format."""
        try:
            files = {name: read_bytes(folder / name, most) for name, most in MAX_BYTES.items()}
        except OSError as problem:
            raise BundleError(
                f"there is no bundle in {folder}: {problem.strerror}",
                "see 'latkit pretrain --help'",
            ) from None
        return cls.from_files(files, f"the bundle in {folder}")

    @classmethod
    def from_files(cls, files: Mapping[str, bytes], origin: str) -> Bundle:
        """Inverse of ``files``; raises BundleError, which names the ``origin``.

        What was read is sound: see ``latkit.predictor.soundness``.
        """
        from latkit.predictor.soundness import require_sound

        try:
            manifest = parse_json(files[MANIFEST].decode("utf-8"))
            if manifest["format"] != FORMAT:
                raise BundleError(
                    f"{origin} has format {str(manifest['format'])[:40]}, not {FORMAT}",
                    "pretrain it again with this latkit, or install the latkit that made it",
                )
            prior = _read_prior(files[PRIOR], manifest)
            bundle = cls(manifest, files[FEATURES], prior)
            require_sound(bundle)
        except BundleError:
            raise
        except Exception as problem:  # safetensors and onnxruntime raise bare exceptions
            words = (str(problem) or type(problem).__name__).splitlines()[0][:200]
            raise BundleError(f"{origin} is damaged: {words}", _HINT) from None
        return bundle

    @classmethod
    def shipped(cls, space: str) -> Bundle:
        """The bundle that comes with latkit; raises BundleError for a space without one."""
        if not cls.is_shipped(space):
            raise BundleError(
                f"latkit ships no pretrained predictor for {space}",
                "pretrain one, then adapt with --bundle; see 'latkit pretrain --help'",
            )
        return cls.load(_shipped_folder(space))

    @staticmethod
    def is_shipped(space: str) -> bool:
        """Whether latkit comes with a bundle for the space."""
        return _shipped_folder(space).is_dir()

    def files(self) -> dict[str, bytes]:
        """The three files of a bundle, by name."""
        from safetensors.numpy import save

        tensors = {name: _compact(values) for name, values in self.prior.tensors().items()}
        text = json.dumps(self.manifest, indent=2, ensure_ascii=False) + "\n"
        return {
            MANIFEST: text.encode("utf-8"),
            PRIOR: save(tensors),
            FEATURES: self.features_onnx,
        }

    def save(self, folder: Path) -> None:
        """Write the three files; raises OSError or LatkitError where that fails."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files().items():
            write_whole(folder / name, content)

    def features(self, operations: Indices) -> Features:
        """Features of architectures given as operation indices, shape (n, positions)."""
        names = [output.name for output in self._session.get_outputs()]
        chunks = [operations[i : i + CHUNK] for i in range(0, max(len(operations), 1), CHUNK)]
        feeds = ({INPUT: np.ascontiguousarray(c, dtype=np.int64)} for c in chunks)
        runs = [self._session.run(names, feed) for feed in feeds]
        columns = (np.concatenate(column) for column in zip(*runs, strict=True))
        return self.named(dict(zip(names, columns, strict=True)))

    def named(self, outputs: Mapping[str, Any]) -> Features:
        """Features from the outputs of the graph by name, arrays or stand-ins for them."""
        found = {name: values.astype(np.float64) for name, values in outputs.items()}
        blocks = {name: found[BLOCK + name] for name in self.manifest["blocks"]}
        return Features(found["costs"], found["sources"], blocks)

    @cached_property
    def _session(self) -> Any:
        return open_session(self.features_onnx)


def _shipped_folder(space: str) -> Path:
    return Path(str(resources.files("latkit.predictor") / "bundles" / space))


def _compact(values: Any) -> Any:
    return np.ascontiguousarray(values, dtype=np.float32)


def _read_prior(content: bytes, manifest: Mapping[str, Any]) -> Prior:
    from safetensors.numpy import load

    tensors = {name: values.astype(np.float64) for name, values in load(content).items()}
    return Prior.from_tensors(tensors, manifest["costs"], manifest["blocks"])
