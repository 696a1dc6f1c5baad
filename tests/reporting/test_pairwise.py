"""Two rows, or a row and a reference run, unit by unit: counted by hand."""

import numpy as np
import pytest

from bench.errors import ResultsError, SuiteError
from bench.reporting.pairwise import compare_rows, find_row, require_one_table
from bench.reporting.references import AUTHORS, load_reference
from bench.results.grid_results import Results
from bench.suite.metrics import FROC, IOBB_ACCURACY, POINT_ACCURACY

SUITE = "models: [pylon, baseline]\ndatasets: [phantom]\nresolutions: [64]\nseeds: [0, 1]\n"
UNITS = [
    ("a", "p", "Mass"),
    ("a", "p", "Nodule"),
    ("b", "p", "Mass"),
    ("c", "q", "Mass"),
    ("d", "r", "Nodule"),
]

# By row and seed, in the order of the units.
HITS = {
    ("PYLON", 0): (True, True, True, False, False),
    ("PYLON", 1): (True, True, True, True, False),
    ("Baseline", 0): (True, False, False, True, False),
    ("Baseline", 1): (True, False, False, False, False),
}


@pytest.fixture
def grid(example, finish_trial):
    loaded = example.load(SUITE)
    for point in loaded.grid.points:
        hits = dict(zip(UNITS, HITS[point.label, point.trial.seed], strict=True))
        finish_trial(example.store, point.trial, hits)
    return loaded.grid


def between(grid, store, first: str, second: str, metric=POINT_ACCURACY):
    results = Results(grid, store)
    return compare_rows(*(find_row(name, grid, results, metric) for name in (first, second)), metric)


def test_units_are_counted_by_who_hits_them_seed_by_seed(grid, example):
    found = between(grid, example.store, "PYLON", "Baseline")
    counts = [(s.seed, *(s.hits[who] for who in ("both", "first", "second", "neither"))) for s in found.seeds]
    assert counts == [(0, 1, 2, 1, 1), (1, 1, 3, 0, 1)]
    # Exact McNemar: 2 of 3 at p = ½ gives 1; 3 of 3 gives 2/8.
    assert [seed.test.p for seed in found.seeds] == [pytest.approx(1.0), pytest.approx(0.25)]
    assert [seed.difference for seed in found.seeds] == [pytest.approx(0.2), pytest.approx(0.6)]


def test_difference_is_that_of_the_weighted_accuracies_over_paired_seeds(grid, example):
    found = between(grid, example.store, "PYLON", "Baseline")
    assert found.averages == (pytest.approx(0.7), pytest.approx(0.3))
    assert found.difference == pytest.approx(0.4)
    assert found.clustered.difference == pytest.approx(0.4)
    # Two differences of the same sign: of four flips two are as large.
    assert (found.by_seed.p, found.by_seed.smallest_p) == (0.5, 0.5)
    # Patients p, q, r differ by 4, 0, 0 over both seeds: both flips of the one that differs are as large.
    assert found.by_patient.p == 1.0
    # χ² = (K−1)/K · 4² / 4² with K = 3.
    assert found.clustered.statistic == pytest.approx(2 / 3)


def test_the_other_way_round_everything_changes_its_sign(grid, example):
    one, other = (
        between(grid, example.store, *pair) for pair in (("PYLON", "Baseline"), ("Baseline", "PYLON"))
    )
    assert one.difference == -other.difference
    assert one.seeds[1].test.first_only == other.seeds[1].test.second_only
    assert one.clustered.p == other.clustered.p


def test_each_finding_is_tested_by_itself_and_adjusted(grid, example):
    mass, nodule = between(grid, example.store, "PYLON", "Baseline").findings
    assert (mass.finding, mass.num_units, mass.second) == ("Mass", 3, 0.5)
    assert mass.first == pytest.approx(5 / 6)
    assert (nodule.finding, nodule.num_units, nodule.first, nodule.second) == ("Nodule", 2, 0.5, 0.0)
    assert mass.interval.low is None  # two patients
    smaller, larger = sorted((mass, nodule), key=lambda part: part.p)
    assert smaller.adjusted_p == min(1.0, 2 * smaller.p)
    assert larger.adjusted_p == max(smaller.adjusted_p, larger.p)


def test_single_units_can_be_looked_at(grid, example):
    found = between(grid, example.store, "PYLON", "Baseline")
    assert (len(found.units), found.num_units) == (10, 5)
    row = found.units.query("seed == 0 and image == 'c'").iloc[0]
    assert (row["patient"], row["finding"], bool(row["first"]), bool(row["second"])) == (
        "q",
        "Mass",
        False,
        True,
    )


def test_only_finished_seeds_that_both_have_are_compared(grid, example):
    trial = next(p.trial for p in grid.points if p.label == "PYLON" and p.trial.seed == 0)
    example.store.folder(trial.id).record.unlink()
    found = between(grid, example.store, "PYLON", "Baseline")
    assert [seed.seed for seed in found.seeds] == [1]
    assert found.first.remarks == ("seeds that are not finished: 0",)
    assert found.over_seeds_and_patients.low is None


def test_units_that_one_side_has_alone_are_counted_and_left_out(grid, example, finish_trial):
    for point in grid.points:
        if point.label == "Baseline":
            finish_trial(
                example.store, point.trial, {UNITS[0]: False, UNITS[3]: True, ("e", "s", "Mass"): True}
            )
    found = between(grid, example.store, "PYLON", "Baseline")
    assert (found.num_units, found.only_first, found.only_second) == (2, 3, 1)
    assert found.seeds[0].test.first_only == 1


def test_overlap_has_hits_of_its_own(grid, example):
    overlap = between(grid, example.store, "PYLON", "Baseline", IOBB_ACCURACY)
    assert overlap.difference == pytest.approx(0.4)  # IoBB is .75 of hits and .25 of others here


def test_rows_go_by_their_model_too_where_only_one_is_of_it(grid, example):
    assert find_row("baseline", grid, Results(grid, example.store), POINT_ACCURACY).label == "Baseline"


def test_names_that_are_none_or_several_are_told(example):
    grid = example.load(SUITE.replace("baseline", "{name: pylon, up_layers: 1}")).grid
    with pytest.raises(SuiteError) as error:
        find_row("PILON", grid, Results(grid, example.store), POINT_ACCURACY)
    assert (error.value.value, error.value.allowed[0], error.value.allowed[-1]) == ("PILON", "PYLON", AUTHORS)
    with pytest.raises(SuiteError) as error:
        find_row("pylon", grid, Results(grid, example.store), POINT_ACCURACY)
    assert (error.value.value, len(error.value.allowed)) == ("pylon", 2)
    with pytest.raises(ResultsError) as error:
        find_row("PYLON", grid, Results(grid, example.store), POINT_ACCURACY)
    assert error.value.place == "PYLON"
    with pytest.raises(SuiteError, match=r"256 px.*64 px") as error:
        find_row(AUTHORS, grid, Results(grid, example.store), POINT_ACCURACY)
    assert error.value.place == f"reference {AUTHORS!r}"


def test_froc_of_another_map_than_the_native_one_is_refused(grid, example):
    with_maps = example.load(SUITE + "cams: [native, grad_cam]\n").grid
    with pytest.raises(SuiteError, match="native map alone") as error:
        find_row("PYLON [Grad-CAM]", with_maps, Results(with_maps, example.store), FROC)
    assert error.value.place == "PYLON [Grad-CAM]"


def test_several_tables_have_to_be_narrowed(example):
    grid = example.load(SUITE.replace("[64]", "[64, 96]")).grid
    with pytest.raises(SuiteError, match="--only resolution=") as error:
        require_one_table(grid)
    assert error.value.allowed == ("64", "96")
    require_one_table(grid.select(["resolution=96"]))


def test_rows_without_a_common_seed_cannot_be_compared(grid, example):
    for point in grid.points:
        if (point.label, point.trial.seed) in (("PYLON", 0), ("Baseline", 1)):
            example.store.folder(point.trial.id).record.unlink()
    with pytest.raises(ResultsError) as error:
        between(grid, example.store, "PYLON", "Baseline")
    assert error.value.place == "PYLON and Baseline"


@pytest.fixture
def nih(example, finish_trial):
    """PYLON on the authors' units: seed 1 as they have it, seed 2 with every seventh unit otherwise."""
    grid = example.load("models: [pylon]\ndatasets: [nih]\nresolutions: [256]\nseeds: [1, 2]\n").grid
    units = load_reference(AUTHORS, example.store.root).units
    hits = {(u.image, u.patient.lstrip("0"), u.finding): bool(u.hit) for u in units.itertuples()}
    for point in grid.points:
        flips = point.trial.seed == 2
        own = {key: hit ^ (flips and i % 7 == 0) for i, (key, hit) in enumerate(hits.items())}
        finish_trial(example.store, point.trial, own)
    return grid


def test_a_reference_is_held_against_each_seed(nih, example):
    found = between(nih, example.store, "PYLON", AUTHORS)
    assert [seed.seed for seed in found.seeds] == [1, 2]
    first, second = found.seeds
    assert (first.hits["both"], first.test.first_only, first.test.second_only) == (598, 0, 0)
    assert second.test.first_only + second.test.second_only == -(-984 // 7)
    assert found.by_seed is None
    assert found.averages[1] == pytest.approx(598 / 984)
    assert found.over_patients.num_patients == 726
    assert any("native 1024 px grid" in remark for remark in found.second.remarks)
    # The spread over our two seeds enters the interval over both.
    widths = [i.high - i.low for i in (found.over_patients, found.over_seeds_and_patients)]
    assert widths[0] < widths[1]


def test_a_reference_may_come_first_and_patients_go_by_one_side(nih, example):
    found = between(nih, example.store, AUTHORS, "PYLON")
    assert found.seeds[1].seed == 2
    other = between(nih, example.store, "PYLON", AUTHORS)
    assert found.difference == pytest.approx(-other.difference)
    assert np.isclose(found.clustered.p, other.clustered.p)


def test_a_reference_without_overlap_has_none_to_compare(nih, example):
    with pytest.raises(ResultsError, match=IOBB_ACCURACY.phrase) as error:
        between(nih, example.store, "PYLON", AUTHORS, IOBB_ACCURACY)
    assert error.value.place == f"reference {AUTHORS}"
