"""The files that are timed, and what each should compute."""

from __future__ import annotations

from dataclasses import dataclass, field

from latkit.formats.cache import ModelCache
from latkit.measure.reference import reference_output
from latkit.protocol import Output
from latkit.subjects import Collection, ModelFile, Recipe, Subject

INPUT_SEED = 0
REFERENCE_FORMAT = "onnx"


@dataclass(slots=True)
class ModelFiles:
    """Model files of one collection, built when they are first asked for.

    Args:
        collection: of all subjects.
        cache: where files come from.
        recipe: of the files that are timed; outputs are expected as float32 computes them.
    """

    collection: Collection
    cache: ModelCache
    recipe: Recipe
    _files: dict[Subject, ModelFile] = field(default_factory=dict)

    def file(self, subject: Subject) -> ModelFile:
        """The model in the format of the device's runtime."""
        if subject not in self._files:
            self._files[subject] = self.collection.model(subject, self.recipe, self.cache)
        return self._files[subject]

    def expected(self, subject: Subject) -> Output:
        """What it computes on this computer, whatever the format that the device reads."""
        recipe = Recipe(REFERENCE_FORMAT, self.recipe.batch)
        file = self.collection.model(subject, recipe, self.cache)
        return reference_output(file.path, INPUT_SEED)
