"""The table of sizes that the package ships: of its own models, equal to what is measured now."""

from pathlib import Path

import pytest

from bench.models.size import measure
from bench.results.shipped_sizes import encode, shipped_size, shipped_sizes
from bench.suite.catalog import MODELS
from bench.suite.load import load_suite, suite_files

SUITES = Path(__file__).parents[2] / "suites"


@pytest.mark.parametrize("path", suite_files(SUITES), ids=lambda path: path.stem)
def test_every_trial_of_every_suite_has_a_size(path):
    grid = load_suite(path, with_claims=False).grid
    missing = {
        (trial.label, trial.encoder)
        for trial in (*grid.required, *grid.trials)
        if shipped_size(trial.model, trial.options, trial.encoder) is None
    }
    assert not missing, "python -m bench.models.size_table ENCODER"


def test_every_model_and_variant_has_sizes_on_the_default_encoder():
    labels = {variant.label for entry in MODELS.values() for variant in entry.variants}
    labels |= {entry.label for entry in MODELS.values()}
    assert {label for label, encoder in shipped_sizes() if encoder == "resnet50"} == labels


@pytest.mark.parametrize(
    ("name", "options", "encoder"),
    [
        *((name, {}, "resnet18") for name in MODELS),
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
