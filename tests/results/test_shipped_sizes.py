"""The table of sizes that the package ships: of its own models, equal to what is measured now."""

from pathlib import Path

import pytest

from bench.models.size import measure
from bench.results.shipped_sizes import encode, shipped_size, shipped_sizes
from bench.suite.catalog import MODELS
from bench.suite.load import load_suite, suite_files

SUITES = Path(__file__).parents[2] / "suites"

MEASURED = [name for name, entry in MODELS.items() if (entry.label, "resnet50") in shipped_sizes()]
"""A model that was just added need not be in the table: plans count it once it has been measured."""


def labels_of(name):
    return {MODELS[name].label, *(variant.label for variant in MODELS[name].variants)}


@pytest.mark.parametrize("path", suite_files(SUITES), ids=lambda path: path.stem)
def test_every_trial_of_every_suite_has_a_size(path):
    grid = load_suite(path, with_claims=False).grid
    missing = {
        (trial.label, trial.encoder)
        for trial in (*grid.required, *grid.trials)
        if trial.model in MEASURED and shipped_size(trial.model, trial.options, trial.encoder) is None
    }
    assert not missing, "python -m bench.models.size_table ENCODER"


def test_the_table_has_most_models_and_none_that_is_no_more():
    assert len(MEASURED) >= 9
    known = {label for name in MODELS for label in labels_of(name)}
    assert {label for label, _ in shipped_sizes()} <= known


@pytest.mark.parametrize("name", MEASURED)
def test_a_model_of_the_table_is_there_with_its_variants(name):
    """Else: python -m bench.models.size_table."""
    assert labels_of(name) <= {label for label, encoder in shipped_sizes() if encoder == "resnet50"}


@pytest.mark.parametrize(
    ("name", "options", "encoder"),
    [
        *((name, {}, "resnet18") for name in MEASURED),
        ("pylon", {"up_layers": 1, "gap_in_up": True}, "resnet50"),
        ("pan", {"gap_in_fpa": False, "gap_in_gau": False}, "tu-test_resnet"),
    ],
)
def test_the_table_is_what_is_measured_now(name, options, encoder):
    """Else: python -m bench.models.size_table."""
    shipped, measured = shipped_size(name, options, encoder), measure(name, options, encoder)
    assert shipped is not None
    assert encode("", "", shipped) == encode("", "", measured)


def test_what_is_not_in_the_table_has_no_size():
    assert shipped_size("pylon", {"up_layers": 1, "up_kernel": 3, "head_kernel": 3}, "resnet50") is None
    assert shipped_size("pylon", {}, "resnet152") is None
