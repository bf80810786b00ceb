"""Where a lab keeps its things: the dataset, the predictors, what is not complete yet."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from latkit.config import cache_dir, data_dir, own_path

if TYPE_CHECKING:
    from latkit.store import Store


class Workspace:
    """The places of a lab; see ``latkit.lab.lab.Lab`` for the arguments.

    Attributes:
        data: folder of dataset and predictors.
        db: SQLAlchemy URL of the dataset, or its SQLite file.
        cache: folder of what can be made anew.
    """

    def __init__(self, data: str | Path | None = None, db: str | None = None) -> None:
        self.data = own_path(str(data), "LATKIT_DATA_DIR").absolute() if data else data_dir()
        named = None if data else os.environ.get("LATKIT_DB")
        self.db: str | Path = db or named or self.data / "latkit.db"
        self.cache = cache_dir()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(data={str(self.data)!r})"

    def store(self) -> Store:
        """The dataset, opened; to be closed, as by ``with``."""
        from latkit.store import Store

        return Store.open(self.db)

    @property
    def predictors(self) -> Path:
        """Folder of the adapted predictors."""
        return self.data / "predictors"

    @property
    def campaigns(self) -> Path:
        """Folder of what is measured and not complete yet."""
        return self.data / "campaigns"
