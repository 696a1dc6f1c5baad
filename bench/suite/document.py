"""A YAML file as plain data that knows where everything in it stands, and takes changes by overrides.

Scalars are what people expect, as in YAML 1.2: ``1e-4`` is a number, ``010`` is ten, ``no`` a word. Duplicate
keys are refused.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from bench.errors import SuiteError

MAX_NODES = 100_000
"""Values in a file, aliases counted where they stand: a few lines of aliases can mean billions."""

KeyPath = tuple[str | int, ...]
"""Keys and positions that lead from the whole to a value, e.g. ``("models", 0, "name")``."""

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]


class SettingError(SuiteError):
    """A setting is wrong: its keys are known, and `Document.located` finds where in the file they stand."""

    def __init__(self, keys: KeyPath, problem: str, **facts: Any) -> None:
        super().__init__(problem, **facts)
        self.keys = keys


@dataclass
class Document:
    """A parsed YAML file.

    Attributes:
        source: name of the file in messages.
        data: mappings as dict, sequences as list, scalars.
        positions: (line, column), counted from 1, of each key's mapping entry and each list item.
        overrides: keys that `override` has set.
    """

    source: str
    data: Plain
    positions: dict[KeyPath, tuple[int, int]] = field(default_factory=dict)
    overrides: list[KeyPath] = field(default_factory=list)

    def place(self, keys: KeyPath) -> str:
        """Returns where the value is from: an override, or the file, line and column of it or its parent."""
        for override in reversed(self.overrides):
            shared = min(len(keys), len(override))
            if shared and keys[:shared] == override[:shared]:
                return f"--set {'.'.join(map(str, override))}"
        for length in range(len(keys), -1, -1):
            if keys[:length] in self.positions:
                line, column = self.positions[keys[:length]]
                return f"{self.source}:{line}:{column}"
        return self.source

    def located(self, mistakes: Sequence[SettingError]) -> SuiteError:
        """Returns the error that reports these mistakes, at least one, each with its place."""
        placed = [
            SuiteError(one.problem, place=self.place(one.keys), value=one.value, allowed=one.allowed)
            for one in mistakes
        ]
        return placed[0] if len(placed) == 1 else SuiteError(mistakes=placed)

    def override(self, text: str) -> None:
        """Changes the data by one ``key=value`` with dots between levels; the value is YAML.

        Raises:
            SuiteError: another form, a key that leads to nothing, or a value that is no YAML.
        """
        key, equals, value = text.partition("=")
        place = f"--set {text!r}"
        if not equals or not key:
            raise SuiteError("give key=value, e.g. recipe.batch_size=8", place=place, value=text)
        keys: KeyPath = tuple(int(part) if part.isdecimal() else part for part in key.split("."))
        target: Any = self.data
        for part, after in itertools.pairwise(keys):
            if isinstance(target, dict) and isinstance(part, str):
                target = target.setdefault(part, {})
            elif isinstance(target, list) and isinstance(part, int) and part < len(target):
                if isinstance(target[part], str):  # a model or data set given by its bare name
                    target[part] = {"name": target[part]}
                target = target[part]
            else:
                problem = f"the suite has nothing at {part!r} to set {after!r} in"
                raise SuiteError(problem, place=place, value=part)
        last = keys[-1]
        if not (isinstance(target, dict) and isinstance(last, str)) and not holds(target, last):
            raise SuiteError(f"the suite has nothing at {last!r} to set", place=place, value=last)
        target[last] = parse(value, f"--set {key}").data
        self.overrides.append(keys)


def holds(container: Any, key: str | int) -> bool:
    """Returns whether the list or mapping has something at `key`."""
    if isinstance(container, list):
        return isinstance(key, int) and key < len(container)
    return isinstance(container, dict) and key in container


_HALF = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair, which is no text."""

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


def parse(text: str, source: str) -> Document:
    """Returns the document in `text`; messages call it `source`.

    Raises:
        SuiteError: not YAML, more than one document, a duplicate or non-text key, an anchor that refers to
            itself, or a tag beyond plain data.
    """
    document = Document(source, None)
    try:
        root = _CoreLoader(text).get_single_node()
        if root is not None:
            document.data = _convert(root, (), document, frozenset())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        raise SuiteError(f"not valid YAML: {error.problem or error.context}", place=place) from None
    except RecursionError:
        raise SuiteError("nested too deeply", place=source) from None
    except yaml.YAMLError as error:
        raise SuiteError(f"not valid YAML: {' '.join(str(error).split())}", place=source) from None
    return document


def _convert(node: yaml.Node, keys: KeyPath, document: Document, above: frozenset[int]) -> Plain:
    """Returns the data of the node and the nodes below it, and notes positions in the document."""
    positions = document.positions
    positions.setdefault(keys, _position(node))
    if len(positions) > MAX_NODES:
        raise SuiteError(f"holds more than {MAX_NODES} values", place=document.source)
    if id(node) in above:
        raise _error_at(node, document, "an anchor refers to itself")
    above |= {id(node)}
    if isinstance(node, yaml.SequenceNode):
        return [_convert(item, (*keys, i), document, above) for i, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Plain] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode) or _HALF.search(key):
                raise _error_at(key_node, document, "a key has to be a word")
            if key in mapping:
                first = positions[(*keys, key)][0]
                problem = f"duplicate key {key!r}; it stands on line {first} already"
                raise _error_at(key_node, document, problem, key)
            positions[(*keys, key)] = _position(key_node)
            mapping[key] = _convert(value_node, (*keys, key), document, above)
        return mapping
    assert isinstance(node, yaml.ScalarNode)
    return _scalar(node, document)


def _scalar(node: yaml.ScalarNode, document: Document) -> Plain:
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
            case "str" if not _HALF.search(text):
                return text
    except (KeyError, ValueError):
        pass
    shown = text if len(text) <= 40 else text[:37] + "…"
    raise _error_at(node, document, f"{shown!a} is no plain value", shown)


def _position(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _error_at(node: yaml.Node, document: Document, problem: str, value: object = None) -> SuiteError:
    line, column = _position(node)
    return SuiteError(problem, place=f"{document.source}:{line}:{column}", value=value)
