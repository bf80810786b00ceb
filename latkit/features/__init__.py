"""An architecture as numbers: additive tables, physical costs, kernel blocks."""
