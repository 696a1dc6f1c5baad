"""The catalog's reading of constructors agrees with the constructors."""

import importlib
import inspect
from typing import Literal, get_args, get_origin

import pytest

from bench.suite.catalog import MODELS, Option, display_name, model_options


def _reference_options(name: str) -> dict[str, Option]:
    """The options by importing the model's class and asking Python for its signature."""
    module, _, class_name = MODELS[name].target.partition(":")
    model_class = getattr(importlib.import_module(module), class_name)
    found = {}
    for parameter in inspect.signature(model_class, eval_str=True).parameters.values():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        is_literal = get_origin(parameter.annotation) is Literal
        found[parameter.name] = Option(
            name=parameter.name,
            default=parameter.default,
            allowed=get_args(parameter.annotation) if is_literal else (),
            type_name=type(parameter.default).__name__ if is_literal else parameter.annotation.__name__,
        )
    return found


@pytest.mark.parametrize("name", MODELS)
def test_options_are_those_of_the_imported_constructor(name: str) -> None:
    reference = _reference_options(name)
    assert model_options(name) == reference
    assert list(model_options(name)) == list(reference)


@pytest.mark.parametrize("name", MODELS)
def test_defaults_are_accepted_values(name: str) -> None:
    for option in model_options(name).values():
        assert option.accepts(option.default)


def test_pylon_and_baseline_have_the_options_of_the_thesis_rows() -> None:
    assert {name: o.default for name, o in model_options("pylon").items()} == {
        "pyramid": True,
        "up_layers": 2,
        "up_kernel": 1,
        "head_kernel": 1,
    }
    assert model_options("baseline")["pooling"].allowed == ("max", "average")


@pytest.mark.parametrize(
    ("option", "value", "accepted"),
    [
        (Option("a", 1, (1, 2), "int"), 2, True),
        (Option("a", 1, (1, 2), "int"), 3, False),
        (Option("a", 1, (1, 2), "int"), True, False),
        (Option("a", 1, (1, 2), "int"), 1.0, False),
        (Option("a", "max", ("max",), "str"), "Max", False),
        (Option("a", True, (), "bool"), False, True),
        (Option("a", True, (), "bool"), 1, False),
        (Option("a", 1, (), "int"), 7, True),
        (Option("a", 1, (), "int"), True, False),
        (Option("a", 1.0, (), "float"), 7, True),
        (Option("a", 1.0, (), "float"), 0.5, True),
        (Option("a", 1.0, (), "float"), True, False),
        (Option("a", "x", (), "str"), "y", True),
        (Option("a", "x", (), "str"), 1, False),
    ],
)
def test_option_accepts_its_values_and_types_only(option: Option, value: object, accepted: bool) -> None:
    assert option.accepts(value) is accepted


def test_expectation_says_what_may_be_written() -> None:
    assert Option("a", True, (), "bool").expectation() == "true, false"
    assert Option("a", 1, (1, 2), "int").expectation() == "1, 2"
    assert Option("a", 1.0, (), "float").expectation() == "float"


def test_display_name_lists_changed_options_in_alphabetical_order() -> None:
    assert display_name("pylon", {"up_layers": 1, "pyramid": False}) == "PYLON (pyramid=false, up_layers=1)"
    assert display_name("pylon", {"up_layers": 2}) == "PYLON"
