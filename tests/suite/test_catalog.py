"""The catalog's reading of constructors agrees with the constructors."""

import importlib
import inspect
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Gt

from bench.suite.catalog import MODELS, Option, display_name, model_options


def _reference_options(name: str) -> dict[str, Option]:
    """The options by importing the model's class and asking Python for its signature."""
    module, _, class_name = MODELS[name].target.partition(":")
    model_class = getattr(importlib.import_module(module), class_name)
    found = {}
    for parameter in inspect.signature(model_class, eval_str=True).parameters.values():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        found[parameter.name] = Option(parameter.name, parameter.default, parameter.annotation)
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


def test_options_have_the_thesis_values_as_defaults() -> None:
    defaults = {name: {k: o.default for k, o in model_options(name).items()} for name in MODELS}
    expected = {
        "baseline": {"pooling": "max"},
        "li2018": {},
        "unet": {},
        "fpn": {"norm": "batch"},
        "deeplabv3plus": {"gap_in_aspp": True},
        "pan": {"gap_in_fpa": True, "gap_in_gau": True},
        "pylon": {
            "pyramid": True,
            "up_layers": 2,
            "up_kernel": 1,
            "head_kernel": 1,
            "gap_in_pa": False,
            "gap_in_up": False,
        },
        "wang2017": {"sharpness": 10.0},
        "yao2018": {"lower_bound": 0.0},
    }
    assert expected.items() <= defaults.items()


@pytest.mark.parametrize(
    ("option", "value", "accepted"),
    [
        (Option("a", 1, Literal[1, 2]), 2, True),
        (Option("a", 1, Literal[1, 2]), 3, False),
        (Option("a", 1, Literal[1, 2]), True, False),
        (Option("a", 1, Literal[1, 2]), 1.0, False),
        (Option("a", "max", Literal["max"]), "Max", False),
        (Option("a", True, bool), False, True),
        (Option("a", True, bool), 1, False),
        (Option("a", 1, int), 7, True),
        (Option("a", 1, int), True, False),
        (Option("a", 1.0, float), 7, True),
        (Option("a", 1.0, float), 0.5, True),
        (Option("a", 1.0, float), True, False),
        (Option("a", 1.0, float), float("nan"), False),
        (Option("a", 1.0, Annotated[float, Gt(0)]), 0.1, True),
        (Option("a", 1.0, Annotated[float, Gt(0)]), 0, False),
        (Option("a", 1.0, Annotated[float, Ge(0)]), 0, True),
        (Option("a", 1.0, Annotated[float, Ge(0)]), -0.1, False),
        (Option("a", 1.0, Annotated[float, Gt(0)]), True, False),
        (Option("a", "x", str), "y", True),
        (Option("a", "x", str), 1, False),
    ],
)
def test_option_accepts_its_values_and_types_only(option: Option, value: object, accepted: bool) -> None:
    assert option.accepts(value) is accepted


def test_expectation_says_what_may_be_written() -> None:
    assert Option("a", True, bool).expectation() == "true, false"
    assert Option("a", 1, Literal[1, 2]).expectation() == "1, 2"
    assert Option("a", 1.0, float).expectation() == "float"
    assert Option("a", 1.0, Annotated[float, Gt(0)]).expectation() == "float above 0"


def test_display_name_is_the_variant_s_where_there_is_one() -> None:
    assert display_name("pylon", {}) == "PYLON"
    assert display_name("pylon", {"up_layers": 2}) == "PYLON"
    assert display_name("pylon", {"up_layers": 1, "pyramid": False}) == "PYLON (no PY, UP1)"
    assert display_name("pylon", {"pyramid": False, "up_layers": 1, "head_kernel": 1}) == "PYLON (no PY, UP1)"
    assert display_name("pan", {"gap_in_gau": False, "gap_in_fpa": False}) == "PAN − all GAP"


def test_display_name_lists_other_changed_options_in_alphabetical_order() -> None:
    assert display_name("pylon", {"up_kernel": 3, "pyramid": False}) == "PYLON (pyramid=false, up_kernel=3)"


@pytest.mark.parametrize("name", MODELS)
def test_variants_are_allowed_options_and_have_names_of_their_own(name: str) -> None:
    entry, known = MODELS[name], model_options(name)
    for variant in entry.variants:
        assert all(known[key].accepts(value) for key, value in variant.options.items())
        assert all(value != known[key].default for key, value in variant.options.items())
        assert display_name(name, variant.options) == variant.label


def test_no_label_is_given_twice() -> None:
    labels = [label for e in MODELS.values() for label in (e.label, *(v.label for v in e.variants))]
    assert len(set(labels)) == len(labels)
