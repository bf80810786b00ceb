"""The dataset: every measurement with its raw samples, in SQLite or PostgreSQL."""

from latkit.store.store import SettingSummary, Store
from latkit.store.table import LatencyTable

__all__ = ["LatencyTable", "SettingSummary", "Store"]
