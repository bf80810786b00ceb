"""``python -m latkit`` is ``latkit``."""

from latkit.cli import main

main()
