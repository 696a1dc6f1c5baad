"""What --set changes in a suite before it is checked."""

import itertools
from typing import Any

from bench.errors import SuiteError
from bench.suite.yaml_positions import Path_, holds, parse_scalar


def apply_override(data: dict[str, Any], text: str) -> Path_:
    """Applies one ``key=value`` to `data` in place and returns its path."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise SuiteError(f"--set {text!r}: give key=value, e.g. recipe.batch_size=8")
    path: Path_ = tuple(int(part) if part.isdecimal() else part for part in key.split("."))
    target: Any = data
    for part, after in itertools.pairwise(path):
        if isinstance(target, dict) and isinstance(part, str):
            target = target.setdefault(part, {})
        elif isinstance(target, list) and isinstance(part, int) and part < len(target):
            if isinstance(target[part], str):  # a model or data set given by its bare name
                target[part] = {"name": target[part]}
            target = target[part]
        else:
            raise SuiteError(f"--set {text!r}: the suite has nothing at {part!r} to set {after!r} in")
    last = path[-1]
    if (isinstance(target, dict) and isinstance(last, str)) or holds(target, last):
        target[last] = parse_scalar(value, f"--set {key}")
    else:
        raise SuiteError(f"--set {text!r}: the suite has nothing at {last!r} to set")
    return path
