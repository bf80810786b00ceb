"""latkit: measure a handful of networks on a board, and know the latency of all the others."""

__version__ = "0.1.0"
