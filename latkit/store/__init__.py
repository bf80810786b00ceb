"""The dataset: every measurement, with its raw samples, in SQLite or any SQLAlchemy URL."""

from latkit.store.store import LatencyTable, SettingSummary, Store

__all__ = ["LatencyTable", "SettingSummary", "Store"]
