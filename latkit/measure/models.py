"""The files that are timed, and what each should compute."""

from __future__ import annotations

from dataclasses import dataclass, field

from latkit.formats.cache import ModelCache, ModelFile
from latkit.measure.reference import reference_output
from latkit.measurement import Arch, Precision
from latkit.protocol import Output
from latkit.spaces.base import Space

INPUT_SEED = 0
REFERENCE_FORMAT = "onnx"


@dataclass(slots=True)
class Models:
    """Model files of one space, built when they are first asked for.

    Args:
        space: of all architectures; ``skeleton`` overrides its macro skeleton.
        cache: where files come from.
        format: of the files that the device's runtime reads.
        batch: images per inference.
        precision: of the files that are timed; outputs are expected as float32 computes them.
    """

    space: Space
    cache: ModelCache
    format: str
    batch: int
    skeleton: dict[str, int]
    precision: Precision = "fp32"
    _files: dict[Arch, ModelFile] = field(default_factory=dict)

    def file(self, arch: Arch) -> ModelFile:
        """The model in the format of the device's runtime."""
        if arch not in self._files:
            self._files[arch] = self._build(arch, self.format, self.precision)
        return self._files[arch]

    def expected(self, arch: Arch) -> Output:
        """What it computes on this computer, whatever the format that the device reads."""
        return reference_output(self._build(arch, REFERENCE_FORMAT).path, INPUT_SEED)

    def _build(self, arch: Arch, format: str, precision: Precision = "fp32") -> ModelFile:
        network = self.space.network(arch, **self.skeleton)
        return self.cache.get(network, format=format, batch=self.batch, precision=precision)
