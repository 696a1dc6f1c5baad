"""YAML to plain data, with the line and column of everything, duplicates refused.

Scalars are what people expect, as in YAML 1.2: ``1e-4`` is a number, ``010`` is ten, ``no`` a word.
"""

import re
from dataclasses import dataclass
from typing import Any

import yaml

from bench.errors import SuiteError

MAX_NODES = 100_000
"""Values in a file, aliases counted where they stand: a few lines of aliases can mean billions."""

Path_ = tuple[str | int, ...]
Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]

_RESOLVERS = (
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", "~nN\0"),
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]+", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
)


class _CoreLoader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's core scalars instead of YAML 1.1's."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as in PyYAML


for _tag, _pattern, _first in _RESOLVERS:
    _CoreLoader.add_implicit_resolver(
        _tag, re.compile(rf"^(?:{_pattern})$"), [c if c != "\0" else "" for c in _first]
    )


@dataclass(frozen=True)
class Document:
    """A parsed YAML file.

    Attributes:
        data: mappings as dict, sequences as list, scalars.
        positions: (line, column), counted from 1, of each key's mapping entry and each list item, by path.
    """

    data: Plain
    positions: dict[Path_, tuple[int, int]]

    def position(self, path: Path_) -> tuple[int, int] | None:
        """Returns the position of `path` or of the nearest ancestor that stands in the file."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.positions:
                return self.positions[path[:length]]
        return None


def parse(text: str, source: str) -> Document:
    """Returns the document in `text`; `source` names it in messages.

    Raises:
        SuiteError: not YAML, more than one document, a duplicate or non-text key, an anchor that refers to
            itself, or a tag beyond plain data.
    """
    try:
        loader = _CoreLoader(text)
        root = loader.get_single_node()
        positions: dict[Path_, tuple[int, int]] = {}
        data = None if root is None else _convert(root, (), positions, source, frozenset())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        raise SuiteError(f"{where}: not valid YAML: {error.problem or error.context}") from None
    except RecursionError:
        raise SuiteError(f"{source}: nested too deeply") from None
    except yaml.YAMLError as error:
        raise SuiteError(f"{source}: not valid YAML: {' '.join(str(error).split())}") from None
    return Document(data, positions)


def parse_scalar(text: str, source: str = "value") -> Plain:
    """Returns the plain data that `text` means as YAML; for values on a command line.

    Raises:
        SuiteError: not YAML.
    """
    return parse(text, source).data


def _convert(
    node: yaml.Node,
    path: Path_,
    positions: dict[Path_, tuple[int, int]],
    source: str,
    above: frozenset[int],
) -> Plain:
    positions.setdefault(path, _place(node))
    if len(positions) > MAX_NODES:
        raise SuiteError(f"{source}: holds more than {MAX_NODES} values")
    if id(node) in above:
        raise SuiteError(f"{source}:{_colon(node)}: an anchor refers to itself")
    above |= {id(node)}
    if isinstance(node, yaml.SequenceNode):
        return [_convert(n, (*path, i), positions, source, above) for i, n in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Plain] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode):
                raise SuiteError(f"{source}:{_colon(key_node)}: a key has to be a word")
            if key in mapping:
                first = positions[(*path, key)][0]
                raise SuiteError(
                    f"{source}:{_colon(key_node)}: duplicate key {key!r}; it stands on line {first} already"
                )
            positions[(*path, key)] = _place(key_node)
            mapping[key] = _convert(value_node, (*path, key), positions, source, above)
        return mapping
    assert isinstance(node, yaml.ScalarNode)
    return _scalar(node, source)


def _scalar(node: yaml.ScalarNode, source: str) -> Plain:
    text: str = node.value
    try:
        match node.tag.removeprefix("tag:yaml.org,2002:"):
            case "null":
                return None
            case "bool":
                return {"true": True, "false": False}[text.lower()]
            case "int":
                return int(text, 10)
            case "float":
                return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
            case "str":
                text.encode()  # half of a surrogate pair is no text
                return text
    except (KeyError, ValueError):
        pass
    shown = text if len(text) <= 40 else text[:37] + "…"
    raise SuiteError(f"{source}:{_colon(node)}: {shown!a} is no plain value")


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _colon(node: yaml.Node) -> str:
    line, column = _place(node)
    return f"{line}:{column}"


def holds(container: Any, key: str | int) -> bool:
    """Returns whether the list or mapping has something at `key`."""
    if isinstance(container, list):
        return isinstance(key, int) and key < len(container)
    return isinstance(container, dict) and key in container
