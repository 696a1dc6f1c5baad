"""Plug-ins: declarations from outside of bench, which stand in the same tables as bench's own.

A table of declarations is a mapping by name. Beside bench's own it has those that installed distributions
offer by entry points of its group; and every ``module:object``, where the table can declare one: a name is
enough, in worker processes too. Of metrics, whose names are those of columns, a suite says where they are.
"""

import importlib
import logging
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from bench.errors import PluginError, brief
from bench.suite.plugin_source import module_file, source_digest, source_of

_log = logging.getLogger(__name__)

TARGET = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$"
"""The form of ``module:object``."""

Declared = TypeVar("Declared")


class Declarations(Mapping[str, Declared], Generic[Declared]):
    """Declarations by name: bench's own, then those that distributions offer and that can be used.

    One that is offered and cannot be used is left out with a warning; to ask for it by name is an error.

    Args:
        group: of entry points, such as ``bench.models``.
        own: those of bench. Their names stay theirs.
        declared: returns the declaration at a target ``module:object``; its errors are a `PluginError`.
        takes_targets: whether ``module:object`` is a name.
    """

    def __init__(
        self,
        group: str,
        own: Mapping[str, Declared],
        declared: Callable[[str], Declared],
        *,
        takes_targets: bool,
    ) -> None:
        self.group = group
        self.own = own
        self._declared = declared
        self._takes_targets = takes_targets
        self._found: dict[str, Declared] = {}
        self._taken: dict[str, str] = {}

    def take(self, name: str, target: str) -> None:
        """Takes one more for the rest of this process: that at a target, under the name that it declares.

        Raises:
            PluginError: the name is bench's own, or stands for another target.
        """
        if name in self.own:
            raise PluginError(f"the name {name!r} is bench's own", place=target)
        known = [self._taken[name]] if name in self._taken else self._offered_targets(name)
        if known not in ([], [target]):
            raise PluginError(f"the name {name!r} stands for {known[0]} already", place=target)
        if not known:
            self._taken[name] = target

    def __getitem__(self, name: str) -> Declared:
        """Returns the declaration.

        Raises:
            KeyError: there is no such name.
            PluginError: the name leads outside of bench, and there is something wrong.
        """
        if name in self.own:
            return self.own[name]
        if name not in self._found:
            target = name if self._takes_targets and ":" in name else self._target(name)
            require_target(target)
            self._found[name] = self._declared(target)
        return self._found[name]

    def __contains__(self, name: object) -> bool:
        """Whether it is a name of the table; whether its declaration can be used is another question."""
        if not isinstance(name, str):
            return False
        is_target = self._takes_targets and ":" in name
        return is_target or any(name in names for names in (self.own, self._taken, offered(self.group)))

    def __iter__(self) -> Iterator[str]:
        yield from self.own
        yield from self._usable
        yield from self._taken

    def __len__(self) -> int:
        return len(self.own) + len(self._usable) + len(self._taken)

    @cached_property
    def _usable(self) -> tuple[str, ...]:
        usable = []
        for name in offered(self.group):
            if name in self.own:
                _log.warning("%s %r: the name is bench's own, so the plug-in is left out", self.group, name)
                continue
            try:
                self[name]
            except PluginError as error:
                _log.warning("%s %r is left out: %s", self.group, name, error)
            else:
                usable.append(name)
        return tuple(usable)

    def _target(self, name: str) -> str:
        if name in self._taken:
            return self._taken[name]
        targets = self._offered_targets(name)
        if not targets:
            raise KeyError(name)
        if len(targets) > 1:
            raise PluginError(f"{name!r} is offered by several distributions", value=name, allowed=targets)
        return targets[0]

    def _offered_targets(self, name: str) -> list[str]:
        return sorted({point.value for point in offered(self.group).get(name, ())})


@lru_cache
def offered(group: str) -> dict[str, tuple[EntryPoint, ...]]:
    """Returns the entry points of installed distributions in this group, by name."""
    points = sorted(entry_points(group=group), key=lambda point: (point.name, point.value))
    return {
        name: tuple(p for p in points if p.name == name) for name in dict.fromkeys(p.name for p in points)
    }


def require_target(target: str) -> None:
    """Refuses a text that is no target.

    Raises:
        PluginError: it is none.
    """
    if not re.fullmatch(TARGET, target):
        raise PluginError("is no module:object, such as my_package.nets:Net", place=target)


def imported(target: str) -> Any:
    """Imports the object at ``module:object`` of a plug-in.

    Raises:
        PluginError: there is no such module or object, importing it raised an error, or its source has
            changed since this process first read it.
    """
    module, _, name = target.partition(":")
    _require_unchanged(module)
    try:
        found = importlib.import_module(module)
    except (Exception, SystemExit) as error:
        raise mistake(error, module) from error
    if not hasattr(found, name):
        raise PluginError(f"has no {name!r}", place=module_file(module), value=name, allowed=_public(found))
    return getattr(found, name)


@lru_cache
def _require_unchanged(module: str) -> None:
    """Checks, once, before the module is imported, that its source is the one that ids were made of.

    Raises:
        PluginError: it is not.
    """
    if source_digest(module) != source_of(module).digest:
        problem = "has changed since this process read it; start the command again"
        raise PluginError(problem, place=module_file(module))


def mistake(error: BaseException, module: str) -> PluginError:
    """Returns an error of foreign code as a sentence with the place in its package where it was raised.

    It is to be raised from `error`, whose traceback a record keeps.
    """
    if isinstance(error, PluginError):
        return error
    if isinstance(error, SyntaxError):
        place = f"{error.filename}:{error.lineno}"
    else:
        place = raised_at(error, module) or str(module_file(module))
    return PluginError(f"{type(error).__name__}: {brief(Exception(str(error)))}", place=place)


def raised_at(error: BaseException, module: str) -> str | None:
    """Returns ``file:line`` of the last call in the module's package that led to the error, or None."""
    file, num_parents = module_file(module), module.count(".")
    is_package = file.name == "__init__.py"
    top = file.parents[num_parents - (not is_package)] if is_package or num_parents else file
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path == top or top in path.parents:
            return f"{path}:{frame.lineno}"
    return None


def _public(module: object) -> list[str]:
    return [name for name in vars(module) if not name.startswith("_")]
