"""The models that a suite can name, in one table, and the options of their constructors.

A suite is checked, and its trials identified, in a fraction of a second and without torch. So the options are
read from the *source* of a model's constructor (its keyword-only parameters with annotations and defaults)
without importing it: a model is declared in its own file, and in one line here. A model from outside of bench
is named by its class, ``module:class``, or offered by an installed distribution (`bench.suite.plugins`).
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt
from pydantic import ConfigDict, TypeAdapter, ValidationError

from bench.errors import PluginError, listing
from bench.suite.plugin_source import PluginSource, module_file, parsed, source_of
from bench.suite.plugins import Declarations, imported
from bench.suite.subject import WRAPPERS, Subject

OptionValue = bool | int | float | str

_ANNOTATIONS: dict[str, Any] = {
    "Annotated": Annotated,
    "Literal": Literal,
    "Gt": Gt,
    "Ge": Ge,
    **{kind.__name__: kind for kind in (bool, int, float, str)},
    "__builtins__": {},
}
"""Names that annotations of options are made of; there are no others."""


@dataclass(frozen=True)
class Variant:
    """Options of a model that have a name of their own.

    Attributes:
        label: the name in tables.
        options: those that differ from the defaults.
        tables: the thesis' tables and figures that have it as a row.
    """

    label: str
    options: Mapping[str, OptionValue]
    tables: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelEntry:
    """A model.

    Attributes:
        target: ``module:class`` of it.
        label: the name in tables, with default options, as the thesis prints it.
        tables: the thesis' tables that have it as a row.
        variants: named sets of options.
    """

    target: str
    label: str
    tables: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()


_OWN: dict[str, ModelEntry] = {
    "baseline": ModelEntry(
        "bench.models.baseline:Baseline",
        "Baseline",
        ("5.1", "5.2", "5.3", "5.4", "5.5", "5.6"),
        (Variant("Baseline (average)", {"pooling": "average"}),),
    ),
    "li2018": ModelEntry("bench.models.li2018:Li2018", "Li 2018", ("5.1", "5.3", "5.4", "5.5", "5.6")),
    "unet": ModelEntry("bench.models.unet:Unet", "Unet", ("5.1",)),
    "fpn": ModelEntry(
        "bench.models.fpn:Fpn",
        "FPN (BN)",
        ("5.1", "5.3", "5.4", "5.5", "5.6"),
        (Variant("FPN (GN)", {"norm": "group"}, ("Figure 6.1", "Figure 8.1")),),
    ),
    "deeplabv3plus": ModelEntry(
        "bench.models.deeplabv3plus:DeeplabV3Plus",
        "DeeplabV3+",
        ("5.1", "6.1"),
        (Variant("DeeplabV3+ − all GAP", {"gap_in_aspp": False}, ("6.1",)),),
    ),
    "pan": ModelEntry(
        "bench.models.pan:Pan",
        "PAN",
        ("5.1", "6.1"),
        (
            Variant("PAN − GAP in FPA", {"gap_in_fpa": False}, ("6.1",)),
            Variant("PAN − GAP in GAU", {"gap_in_gau": False}, ("6.1",)),
            Variant("PAN − all GAP", {"gap_in_fpa": False, "gap_in_gau": False}, ("6.1",)),
        ),
    ),
    "pylon": ModelEntry(
        "bench.models.pylon:Pylon",
        "PYLON",
        ("5.1", "5.2", "5.3", "5.4", "5.5", "5.6", "6.2"),
        (
            Variant("PYLON (UP1)", {"up_layers": 1}, ("6.1", "6.2")),
            Variant("PYLON (no PY, UP1)", {"up_layers": 1, "pyramid": False}, ("6.2",)),
            Variant("PYLON (Conv 3x3)", {"up_layers": 1, "up_kernel": 3}, ("6.2",)),
            Variant("PYLON (Head 3x3)", {"up_layers": 1, "head_kernel": 3}, ("6.2",)),
            Variant("PYLON (UP1) + GAP in PA", {"up_layers": 1, "gap_in_pa": True}, ("6.1",)),
            Variant("PYLON (UP1) + GAP in UP", {"up_layers": 1, "gap_in_up": True}, ("6.1",)),
        ),
    ),
    "wang2017": ModelEntry("bench.models.wang2017:Wang2017", "Wang 2017 (LSE)"),
    "yao2018": ModelEntry("bench.models.yao2018:Yao2018", "Yao 2018 (LSE-LBA)"),
}
"""Bench's own models. One line adds one."""


def _declared(target: str) -> ModelEntry:
    """Returns the declaration at a target: that of a class, which is not imported, or a `ModelEntry`."""
    module, _, name = target.partition(":")
    if _has_class(module, name):
        entry = ModelEntry(target, name)
    else:
        found = imported(target)
        if isinstance(found, type):
            entry = ModelEntry(f"{found.__module__}:{found.__qualname__}", found.__name__)
        elif isinstance(found, ModelEntry):
            entry = found
        else:
            raise PluginError("is neither a class nor a ModelEntry", place=target)
    _options_of(entry.target)
    return entry


MODELS = Declarations("bench.models", _OWN, _declared, takes_targets=True)
"""Every model that a suite can name."""


def plugin_source(name: str) -> PluginSource | None:
    """Returns the source of a model or function from outside of bench; None of bench's own, and of libraries.

    Raises:
        PluginError: it cannot be found or read.
    """
    if name in MODELS.own or name in WRAPPERS:
        return None
    return source_of((name if is_function(name) else MODELS[name].target).partition(":")[0])


def is_function(name: str) -> bool:
    """Returns whether the name is ``module:function``, of a function that is written in the module.

    Raises:
        PluginError: the module cannot be found or read.
    """
    module, _, function = name.partition(":")
    return bool(function) and function in _functions_in(module)


def keywords_of(name: str) -> tuple[str, ...] | None:
    """Returns the names of a function's parameters; None if it takes any."""
    module, _, function = name.partition(":")
    parameters = _functions_in(module)[function].args
    if parameters.kwarg is not None:
        return None
    return tuple(one.arg for one in (*parameters.args, *parameters.kwonlyargs))


def _functions_in(module: str) -> dict[str, ast.FunctionDef]:
    body = parsed(module_file(module)).body
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


def subject_name(name: str, subject: Subject, options: Mapping[str, OptionValue]) -> str:
    """Returns the name in tables of a subject that the suite gives none."""
    if subject.architecture is not None:
        return subject.architecture
    if name in MODELS.own:
        return f"{display_name(name, options)} (trained elsewhere)"
    return name.partition(":")[2]


@dataclass(frozen=True)
class Option:
    """One keyword-only parameter of a model's constructor.

    Attributes:
        name: the parameter.
        default: its default value.
        annotation: bool, int, float, str, a ``Literal`` of values, or ``Annotated`` with a bound.
    """

    name: str
    default: OptionValue
    annotation: Any

    @cached_property
    def type(self) -> TypeAdapter[OptionValue]:
        """The annotation as pydantic checks values by it."""
        return TypeAdapter(self.annotation, config=ConfigDict(strict=True, allow_inf_nan=False))

    @property
    def type_name(self) -> str:
        """bool, int, float or str."""
        return type(self.default).__name__

    @property
    def allowed(self) -> tuple[OptionValue, ...]:
        """The values that a ``Literal`` lists; empty where only the type is given."""
        return get_args(self.annotation) if get_origin(self.annotation) is Literal else ()

    @property
    def bound(self) -> tuple[str, float] | None:
        """The bound of ``Annotated[float, Gt(0)]`` or ``Ge(0)``, as ("above", 0.0) or ("at least", 0.0)."""
        for constraint in getattr(self.annotation, "__metadata__", ()):
            is_strict = isinstance(constraint, Gt)
            return ("above", float(constraint.gt)) if is_strict else ("at least", float(constraint.ge))
        return None

    def accepts(self, value: object) -> bool:
        """Returns whether `value` is allowed: of its type, within its bound, one of the listed ones."""
        if self.allowed and type(value) is not type(self.default):
            return False  # pydantic takes true and 1.0 for 1
        try:
            self.type.validate_python(value)
        except ValidationError:
            return False
        return True

    def normalised(self, value: OptionValue) -> OptionValue:
        """Returns `value` in the option's own type, so that 5 and 5.0 are one."""
        return float(value) if isinstance(self.default, float) else value

    @property
    def words(self) -> tuple[str, ...]:
        """The values as a suite writes them, where they can be listed."""
        values = (True, False) if isinstance(self.default, bool) else self.allowed
        return tuple(map(_written, values))

    def expectation(self) -> str:
        """Returns a description of its values: all of them, or the type and its bound."""
        if self.words:
            return listing(self.words)
        return self.type_name if self.bound is None else f"{self.type_name} {self.bound[0]} {self.bound[1]:g}"


def _written(value: OptionValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def model_options(name: str) -> dict[str, Option]:
    """Returns the options of the model `name` by name, in the order of its constructor."""
    return _options_of(MODELS[name].target)


@lru_cache
def _options_of(target: str) -> dict[str, Option]:
    constructor = _find_constructor(target)
    parameters = zip(constructor.args.kwonlyargs, constructor.args.kw_defaults, strict=True)
    return {parameter.arg: _read_option(parameter, default, target) for parameter, default in parameters}


def changed_options(name: str, options: Mapping[str, OptionValue]) -> dict[str, OptionValue]:
    """Returns the options that differ from their defaults, each in its own type."""
    known = model_options(name)
    return {
        key: known[key].normalised(value) for key, value in options.items() if value != known[key].default
    }


def display_name(name: str, options: Mapping[str, OptionValue]) -> str:
    """Returns the name in tables of the model, or of the variant that the options make of it.

    Options that no variant names are listed in brackets after the model's label.
    """
    entry, known = MODELS[name], model_options(name)
    changed = {key: value for key, value in sorted(options.items()) if value != known[key].default}
    for variant in entry.variants:
        if dict(variant.options) == changed:
            return variant.label
    listed = listing(f"{key}={_written(value)}" for key, value in changed.items())
    return f"{entry.label} ({listed})" if changed else entry.label


def as_label(text: str) -> str:
    """Returns `text` with the minus sign of labels, where people type "PAN - all GAP"."""
    return text.replace(" - ", " − ")


def model_source(name: str) -> str | None:
    """Returns the paragraph "Source:" of the docstring of the model's class; None if there is none."""
    for paragraph in (ast.get_docstring(_find_class(MODELS[name].target)) or "").split("\n\n"):
        if paragraph.startswith("Source:"):
            return " ".join(paragraph.removeprefix("Source:").split())
    return None


def encoder_needs(name: str) -> tuple[int, int]:
    """Returns how many of the encoder's maps the model reads, and the output stride that it wants.

    They are constants of its class, `encoder_maps` and `encoder_output_stride`; 1 and 32 if it has none.
    """
    found = _find_class(MODELS[name].target)
    constants: dict[str, Any] = {
        member.target.id: member.value.value
        for member in found.body
        if isinstance(member, ast.AnnAssign)
        and isinstance(member.target, ast.Name)
        and isinstance(member.value, ast.Constant)
    }
    num_maps, stride = constants.get("encoder_maps", 1), constants.get("encoder_output_stride", 32)
    return num_maps, stride


def _find_constructor(target: str) -> ast.FunctionDef:
    """Returns the source of the constructor.

    Raises:
        PluginError: there is none, or it does not begin with an encoder and a number of classes.
    """
    found = _find_class(target)
    for member in found.body:
        if isinstance(member, ast.FunctionDef) and member.name == "__init__":
            positional = member.args.posonlyargs + member.args.args
            if len(positional) != 3 + len(member.args.defaults):
                problem = "the constructor is to take (self, encoder, num_classes, *, options)"
                raise PluginError(problem, place=_place(target, member))
            return member
    raise PluginError("the class has no __init__ of its own", place=_place(target, found))


def _find_class(target: str) -> ast.ClassDef:
    module, _, class_name = target.partition(":")
    classes = _classes_in(module)
    if class_name not in classes:
        problem = f"no class {class_name!r}"
        raise PluginError(problem, place=module_file(module), value=class_name, allowed=classes)
    return classes[class_name]


def _has_class(module: str, name: str) -> bool:
    return name in _classes_in(module)


def _classes_in(module: str) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in parsed(module_file(module)).body if isinstance(node, ast.ClassDef)}


def _place(target: str, node: ast.AST) -> str:
    return f"{module_file(target.partition(':')[0])}:{getattr(node, 'lineno', 0)}"


def _read_option(parameter: ast.arg, default: ast.expr | None, target: str) -> Option:
    if parameter.annotation is None or default is None:
        problem = f"option {parameter.arg!r} needs an annotation and a default"
        raise PluginError(problem, place=_place(target, parameter))
    try:
        annotation = eval(ast.unparse(parameter.annotation), dict(_ANNOTATIONS))  # noqa: S307 - of the names above alone
        return Option(parameter.arg, ast.literal_eval(default), annotation)
    except (NameError, ValueError, TypeError, SyntaxError, AttributeError) as error:
        problem = (
            f"option {parameter.arg!r} is to be bool, int, float, str, Literal[…] or Annotated[…, Ge(…)] "
            f"with its default written out ({error})"
        )
        raise PluginError(problem, place=_place(target, parameter)) from error
