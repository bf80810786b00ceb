"""The dataset: every measurement with its raw samples, in SQLite or PostgreSQL."""

from latkit.store.query import USABLE, Query
from latkit.store.store import Store, Summary
from latkit.store.table import LatencyTable

__all__ = ["USABLE", "LatencyTable", "Query", "Store", "Summary"]
