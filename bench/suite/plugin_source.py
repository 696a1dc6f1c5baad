"""The source of code from outside of bench: its files, their digest, its distribution.

Files are found and read, and no module is imported: a suite is planned without running anybody's code.
"""

import ast
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from bench.errors import PluginError
from bench.suite.identity import bytes_digest, canonical_json, file_digest


@dataclass(frozen=True)
class PluginSource:
    """A plug-in as a record names it."""

    module: str
    """The module that holds the class or the function."""
    digest: str
    """``sha256:…`` of the module's file and of those of its package that it imports; see `source_files`. Of a
    data set, of the reader's too."""
    distribution: str | None
    """The installed distribution that it is from; None of a module that was found on the path alone."""
    version: str | None

    @property
    def origin(self) -> str:
        """The distribution and its version; of a module on the path alone its name."""
        return self.module if self.distribution is None else f"{self.distribution} {self.version}"


def module_file(module: str) -> Path:
    """Returns the file of a module without importing it, or the packages between (they may import torch).

    Raises:
        PluginError: there is no such module, or it is not written in Python.
    """
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise PluginError(f"no module {top!r} is installed, or on PYTHONPATH", value=module)
    bases = [Path(folder, *rest) for folder in spec.submodule_search_locations or ()]
    files = [file for base in bases for file in (base.with_suffix(".py"), base / "__init__.py")]
    if not rest and spec.origin is not None:
        files = [Path(spec.origin)]
    for file in files:
        if file.suffix == ".py" and file.is_file():
            return file
    raise PluginError(f"no Python file of module {module!r}", value=module)


@lru_cache
def parsed(file: Path) -> ast.Module:
    """Returns the syntax of a file, read once in a process.

    Raises:
        PluginError: it cannot be read, or is no Python.
    """
    try:
        return ast.parse(file.read_bytes())
    except SyntaxError as error:
        raise PluginError(f"SyntaxError: {error.msg}", place=f"{file}:{error.lineno}") from error
    except (OSError, ValueError) as error:
        raise PluginError(f"cannot be read ({error})", place=file) from error


def source_files(*modules: str) -> dict[str, Path]:
    """Returns the files, by name of the module: their own, and those of their packages that they import.

    Imports are followed, also those within functions; they are read from the source, and what is found
    otherwise is not known here.

    Raises:
        PluginError: there is no such module, or a file cannot be read.
    """
    found: dict[str, Path] = {}
    left = list(modules)
    while left:
        name = left.pop()
        if name not in found:
            found[name] = module_file(name)
            left += _imported_by(name, found[name])
    return found


def source_digest(*modules: str) -> str:
    """Returns ``sha256:…`` of the names and bytes of `source_files`, as they are now."""
    files = source_files(*modules)
    return bytes_digest(canonical_json({name: file_digest(file) for name, file in files.items()}).encode())


@lru_cache
def source_of(module: str, *others: str) -> PluginSource:
    """Returns the source of a module, with others that it needs, as this process first found it."""
    top = module.partition(".")[0]
    distribution = next(iter(metadata.packages_distributions().get(top, ())), None)
    version = None if distribution is None else metadata.version(distribution)
    digest = source_digest(module, *others)
    return PluginSource(module=module, digest=digest, distribution=distribution, version=version)


def _imported_by(module: str, file: Path) -> Iterator[str]:
    """Yields the modules of the same top package that the source imports."""
    top, package = module.partition(".")[0], module
    if file.name != "__init__.py":
        package = module.rpartition(".")[0]
    for node in ast.walk(parsed(file)):
        named: list[str] = []
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            named = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        yield from (name for name in named if name.partition(".")[0] == top and _is_module(name))


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if node.level == 0:
        return node.module or ""
    parents = package.split(".")
    return ".".join([*parents[: len(parents) - node.level + 1], *([node.module] if node.module else [])])


def _is_module(name: str) -> bool:
    try:
        module_file(name)
    except PluginError:
        return False
    return True
