"""Where the measuring and the predicting half meet; what the command line and Python call."""

from latkit.lab.lab import Lab

__all__ = ["Lab"]
