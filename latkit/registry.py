"""Names for what can be chosen: spaces, samplers, methods, runtimes and formats.

Each kind has one registry. What latkit brings is named in it as ``module:attribute`` and imported
when it is asked for; another package adds to it by an entry point of the group ``latkit.<kind>s``::

    [project.entry-points."latkit.spaces"]
    darts = "my_package.darts:Darts"
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from latkit.errors import LatkitError, UnknownNameError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


class Registry(Generic[T]):
    """All of one kind, by name. A class is instantiated once; anything else is taken as it is.

    Args:
        kind: the word for one of them, in the singular; ``latkit.<kind>s`` is the group.
        own: latkit's own, by name, as ``module:attribute``.
    """

    def __init__(self, kind: str, own: Mapping[str, str]) -> None:
        self.kind = kind
        self._own = dict(own)
        self._found: dict[str, T] = {}

    def names(self) -> list[str]:
        """Names of all: latkit's own in their order, then those of other packages."""
        return [*self._own, *sorted(self._others.keys() - self._own.keys())]

    def get(self, name: str) -> T:
        """The one of that name.

        Raises UnknownNameError with the nearest known name, LatkitError where another package's
        cannot be imported.
        """
        if name not in self._found:
            self._found[name] = self._load(name)
        return self._found[name]

    def __contains__(self, name: str) -> bool:
        return name in self._own or name in self._others

    def _load(self, name: str) -> Any:
        if name in self._own:
            module, _, attribute = self._own[name].partition(":")
            return _instance(getattr(import_module(module), attribute))
        if name not in self._others:
            raise UnknownNameError(self.kind, name, self.names())
        entry = self._others[name]
        try:
            return _instance(entry.load())
        except Exception as problem:  # a stranger's module may fail in any way
            raise LatkitError(
                f"the {self.kind} {name!r} of {entry.value} cannot be loaded: "
                f"{type(problem).__name__}: {problem}",
                "update or uninstall the package that brings it",
            ) from problem

    @cached_property
    def _others(self) -> dict[str, EntryPoint]:
        from importlib.metadata import entry_points  # slow, and latkit's own need it not

        return {entry.name: entry for entry in entry_points(group=f"latkit.{self.kind}s")}


def _instance(found: Any) -> Any:
    return found() if isinstance(found, type) else found
