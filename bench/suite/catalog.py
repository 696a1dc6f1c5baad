"""What a suite may name as a model: one plain table, and the options that each model's constructor takes.

A suite has to be checked, and its trials identified, in a fraction of a second and without torch. So the
options are read from the *source* of the model's constructor (its keyword-only parameters with their
annotations and defaults), not by importing it: a model is declared once, in its own file, and in one line
here.
"""

import ast
import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

OptionValue = bool | int | float | str


@dataclass(frozen=True)
class ModelEntry:
    """Where a model's class is, and what tables call it.

    Attributes:
        target: ``module:class``.
        label: the name in tables, as the thesis prints it.
    """

    target: str
    label: str


MODELS: dict[str, ModelEntry] = {
    "baseline": ModelEntry("bench.models.baseline:Baseline", "Baseline"),
    "pylon": ModelEntry("bench.models.pylon:Pylon", "PYLON"),
}
"""Every model that a suite can name. One line adds one."""


@dataclass(frozen=True)
class Option:
    """One keyword-only parameter of a model's constructor.

    Attributes:
        name: the parameter.
        default: its default value.
        allowed: the values that a ``Literal`` lists; empty where only the type is given.
        type_name: "bool", "int", "float" or "str".
    """

    name: str
    default: OptionValue
    allowed: tuple[OptionValue, ...]
    type_name: str

    def accepts(self, value: object) -> bool:
        """Returns whether `value` is allowed: in the list where there is one, else of the type."""
        if self.allowed:
            return any(value == known and type(value) is type(known) for known in self.allowed)
        if self.type_name == "float":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        return type(value).__name__ == self.type_name

    def expectation(self) -> str:
        """Returns what a message gives as allowed: the values, or the type."""
        values: tuple[OptionValue, ...] = (True, False) if self.type_name == "bool" else self.allowed
        return ", ".join(str(v).lower() if isinstance(v, bool) else str(v) for v in values) or self.type_name


@lru_cache
def model_options(name: str) -> dict[str, Option]:
    """Returns the options of the model `name` by name, in the order of its constructor."""
    constructor = _find_constructor(MODELS[name].target)
    parameters = zip(constructor.args.kwonlyargs, constructor.args.kw_defaults, strict=True)
    return {parameter.arg: _read_option(parameter, default) for parameter, default in parameters}


def display_name(name: str, options: dict[str, OptionValue]) -> str:
    """Returns the name that tables show: the model's label and, in brackets, what is not at its default."""
    known = model_options(name)
    changed = [
        f"{key}={str(value).lower() if isinstance(value, bool) else value}"
        for key, value in sorted(options.items())
        if value != known[key].default
    ]
    return f"{MODELS[name].label} ({', '.join(changed)})" if changed else MODELS[name].label


def _find_constructor(target: str) -> ast.FunctionDef:
    module, _, class_name = target.partition(":")
    for node in ast.parse(_source_of(module).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            for member in node.body:
                if isinstance(member, ast.FunctionDef) and member.name == "__init__":
                    return member
    raise LookupError(f"{target}: no class of that name with an __init__ of its own")


def _source_of(module: str) -> Path:
    """Finds the file of `module` without importing the packages between (they may import torch)."""
    top, *rest = module.split(".")
    spec = importlib.util.find_spec(top)
    assert spec is not None, f"{top} is not installed"
    assert spec.submodule_search_locations, f"{top} is not a package"
    return Path(next(iter(spec.submodule_search_locations)), *rest).with_suffix(".py")


def _read_option(parameter: ast.arg, default: ast.expr | None) -> Option:
    if parameter.annotation is None or default is None:
        raise LookupError(f"option {parameter.arg!r} needs an annotation and a default")
    value: OptionValue = ast.literal_eval(default)
    annotation = parameter.annotation
    if isinstance(annotation, ast.Subscript):  # Literal[…]
        listed = ast.literal_eval(annotation.slice)
        allowed = listed if isinstance(listed, tuple) else (listed,)
        return Option(parameter.arg, value, allowed, type(value).__name__)
    return Option(parameter.arg, value, (), ast.unparse(annotation))
