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
from latkit.predictor.features import Features
from latkit.predictor.prior import Prior
from latkit.spaces.base import Indices

FORMAT = 1
BLOCK = "block_"
MANIFEST, FEATURES, PRIOR = "manifest.json", "features.onnx", "prior.safetensors"
CHUNK = 4096


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
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            if manifest["format"] != FORMAT:
                raise BundleError(
                    f"the bundle in {folder} has format {manifest['format']}, not {FORMAT}",
                    "pretrain it again with this latkit, or install the latkit that made it",
                )
            prior = _read_prior(folder / PRIOR, manifest["blocks"])
            bundle = cls(manifest, (folder / FEATURES).read_bytes(), prior)
            bundle.features(np.zeros((1, int(manifest["positions"])), dtype=np.int64))
        except BundleError:
            raise
        except OSError as problem:
            raise BundleError(
                f"there is no bundle in {folder}: {problem.strerror}",
                "'latkit pretrain' makes one",
            ) from None
        except Exception as problem:  # safetensors and onnxruntime raise bare exceptions
            words = (str(problem) or type(problem).__name__).splitlines()[0][:200]
            raise BundleError(f"the bundle in {folder} is damaged: {words}") from None
        return bundle

    @classmethod
    def shipped(cls, space: str) -> Bundle:
        """The bundle that comes with latkit; raises BundleError for a space without one."""
        folder = Path(str(resources.files("latkit.predictor") / "bundles" / space))
        if not folder.is_dir():
            raise BundleError(
                f"latkit ships no pretrained predictor for {space}",
                f"latkit pretrain --space {space}, then adapt with --bundle",
            )
        return cls.load(folder)

    def save(self, folder: Path) -> None:
        """Write the three files."""
        from safetensors.numpy import save_file

        folder.mkdir(parents=True, exist_ok=True)
        (folder / FEATURES).write_bytes(self.features_onnx)
        tensors = {name: _compact(values) for name, values in self.prior.tensors().items()}
        save_file(tensors, folder / PRIOR)
        text = json.dumps(self.manifest, indent=2, ensure_ascii=False)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")

    def features(self, operations: Indices) -> Features:
        """Features of architectures given as operation indices, shape (n, positions)."""
        names = [output.name for output in self._session.get_outputs()]
        chunks = [operations[i : i + CHUNK] for i in range(0, max(len(operations), 1), CHUNK)]
        feeds = ({"operations": np.ascontiguousarray(c, dtype=np.int64)} for c in chunks)
        runs = [self._session.run(names, feed) for feed in feeds]
        found = {
            name: np.concatenate(column).astype(np.float64)
            for name, column in zip(names, zip(*runs, strict=True), strict=True)
        }
        blocks = {name: found[BLOCK + name] for name in self.manifest["blocks"]}
        return Features(found["costs"], found["sources"], blocks)

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        return onnxruntime.InferenceSession(
            self.features_onnx, options, providers=["CPUExecutionProvider"]
        )


def _compact(values: Any) -> Any:
    return np.ascontiguousarray(values, dtype=np.float32)


def _read_prior(path: Path, blocks: list[str]) -> Prior:
    from safetensors.numpy import load_file

    tensors = {name: values.astype(np.float64) for name, values in load_file(path).items()}
    return Prior.from_tensors(tensors, blocks)
