"""What claims compare: rows, conditions, other suites, and what leaves open which is meant."""

from pathlib import Path

import pytest

from bench.errors import SuiteError
from bench.suite.load import LoadedSuite, load_suite

SUITE = """\
models: [pylon, baseline, {name: pylon, up_layers: 1}, {name: pan, gap_in_fpa: false}]
datasets: [phantom]
resolutions: [128, 192]
seeds: [0, 1]
cams: [native, grad_cam]
claims:
  - %s
"""
OTHER = """\
models: [pylon, baseline]
datasets: [phantom]
resolutions: [64]
seeds: [1, 2]
"""


@pytest.fixture
def load(tmp_path: Path):
    def load(*claims: str, text: str = SUITE) -> LoadedSuite:
        (tmp_path / "other.yaml").write_text(OTHER, encoding="utf-8")
        path = tmp_path / "mine.yaml"
        path.write_text(text % "\n  - ".join(claims), encoding="utf-8")
        return load_suite(path)

    return load


@pytest.fixture
def compared(load):
    def compared(claim: str) -> list[tuple[str, str, str]]:
        (stated,) = load(claim).claims
        return [(c.first.label, c.second.label, c.column) for c in stated.comparisons]

    return compared


def test_others_are_all_other_rows_at_the_same_resolution_and_map(load, compared):
    claim = "{superior: PYLON, to: others, resolution: 192, cam: grad_cam}"
    assert compared(claim) == [
        ("PYLON [Grad-CAM]", f"{label} [Grad-CAM]", "weighted")
        for label in ("Baseline", "PYLON (UP1)", "PAN − GAP in FPA")
    ]
    for comparison in load(claim).claims[0].comparisons:
        for side in (comparison.first, comparison.second):
            assert {(p.trial.resolution, p.cam) for p in side.points} == {(192, "grad_cam")}
            assert [p.trial.seed for p in side.points] == [0, 1]


def test_every_column_is_a_comparison_of_its_own(compared):
    claim = "{superior: PYLON, to: Baseline, resolution: 128, column: [macro, Mass]}"
    assert compared(claim) == [("PYLON", "Baseline", "macro"), ("PYLON", "Baseline", "Mass")]


def test_equivalence_is_of_all_pairs(compared):
    assert compared("{equivalent: [PYLON, Baseline, PYLON (UP1)], resolution: 128}") == [
        ("PYLON", "Baseline", "weighted"),
        ("PYLON", "PYLON (UP1)", "weighted"),
        ("Baseline", "PYLON (UP1)", "weighted"),
    ]


def test_margin_is_the_claims_own_or_the_suites_for_the_metric(load):
    own, auroc, peak = load(
        "{equivalent: [PYLON, Baseline], resolution: 128, margin: 0.125}",
        "{equivalent: [PYLON, Baseline], resolution: 128, metric: auroc}",
        "{equivalent: [PYLON, Baseline], resolution: 128}",
    ).claims
    assert (own.margin, auroc.margin, peak.margin) == (0.125, 0.005, 0.05)
    changed = SUITE + "margins: {auroc: 0.02}\n"
    (auroc,) = load("{equivalent: [PYLON, Baseline], resolution: 128, metric: auroc}", text=changed).claims
    assert auroc.margin == 0.02


def test_gains_are_of_each_model_under_both_conditions(load, compared):
    claim = "{gains_with: {resolution: 192}, over: {resolution: 128}, models: [PYLON, baseline]}"
    assert compared(claim) == [
        ("PYLON, 192 px", "PYLON, 128 px", "weighted"),
        ("Baseline, 192 px", "Baseline, 128 px", "weighted"),
    ]
    every = compared("{gains_with: {cam: grad_cam}, over: {cam: native}, resolution: 128}")
    assert [first for first, _, _ in every] == [
        f"{label} [Grad-CAM]" for label in ("PYLON", "Baseline", "PYLON (UP1)", "PAN − GAP in FPA")
    ]
    assert [second for _, second, _ in every] == ["PYLON", "Baseline", "PYLON (UP1)", "PAN − GAP in FPA"]


def test_rows_of_another_suite_are_found_beside_this_one(load):
    claim = "{superior: PYLON, to: {suite: other, model: pylon, resolution: 64}, resolution: 128}"
    (comparison,) = load(claim).claims[0].comparisons
    assert comparison.second.label == "PYLON of other, 64 px"
    assert [p.trial.seed for p in comparison.second.points] == [1, 2]
    assert {p.trial.resolution for p in comparison.second.points} == {64}


def test_suites_may_make_claims_of_each_other(load, tmp_path):
    back = (
        OTHER
        + "claims:\n  - {superior: PYLON, to: {suite: mine, model: PYLON, resolution: 128}, resolution: 64}\n"
    )
    load("{superior: PYLON, to: {suite: other, model: PYLON, resolution: 64}, resolution: 128}")
    (tmp_path / "other.yaml").write_text(back, encoding="utf-8")
    for name in ("mine", "other"):
        assert len(load_suite(tmp_path / f"{name}.yaml").claims) == 1


def test_a_minus_sign_may_be_typed_as_a_hyphen(compared):
    claim = "{superior: PAN - GAP in FPA, to: Baseline, resolution: 128}"
    assert compared(claim) == [("PAN − GAP in FPA", "Baseline", "weighted")]


@pytest.mark.parametrize(
    ("claim", "value", "allowed"),
    [
        ("{superior: PYLON, to: others}", None, ("128", "192")),
        ("{superior: pylon, to: others, resolution: 128}", "pylon", ("PYLON", "PYLON (UP1)")),
        (
            "{superior: PYLON, to: {suite: other, model: PAN, resolution: 64}, resolution: 128}",
            "PAN",
            ("PYLON", "Baseline"),
        ),
        ("{superior: PYLON, to: Baseline, resolution: 128, dataset: nih}", "nih", ("phantom",)),
        ("{gains_with: {}, over: {}, resolution: 128}", None, ()),
    ],
)
def test_what_is_left_open_or_absent_has_its_facts(load, claim, value, allowed):
    with pytest.raises(SuiteError, match=r"mine\.yaml:7:\d+: ") as caught:
        load(claim)
    assert (caught.value.value, caught.value.allowed) == (value, allowed)


def test_different_data_sets_are_not_compared(load, tmp_path):
    text = SUITE.replace("[phantom]", "[{name: phantom, seed: 7}]")
    claim = "{superior: PYLON, to: {suite: other, model: PYLON, resolution: 64}, resolution: 128}"
    with pytest.raises(SuiteError, match="phantom and phantom"):
        load(claim, text=text)


def test_a_data_set_without_boxes_has_no_claim_on_pointing(load, tmp_path):
    (tmp_path / "labels.csv").write_text("image,split,Effusion,Mass\na,train,1,0\n")
    folder = "models: [pylon, baseline]\ndatasets: [{name: folder, images: ., labels: labels.csv}]\n"
    text = folder + "resolutions: [64]\nseeds: [0]\nclaims:\n  - %s\n"
    with pytest.raises(SuiteError) as caught:
        load("{superior: PYLON, to: others}", text=text)
    assert caught.value.value == "point_accuracy"
    with pytest.raises(SuiteError) as caught:
        load("{superior: PYLON, to: others, metric: auroc, column: split}", text=text)
    assert caught.value.allowed == ("weighted", "macro", "Effusion", "Mass")
    assert load("{superior: PYLON, to: others, metric: auroc, column: Mass}", text=text).claims


def test_a_change_that_takes_a_claimed_row_away_says_how_to_do_without_the_claim(load, tmp_path):
    load("{superior: PYLON, to: Baseline, resolution: 128}")
    with pytest.raises(SuiteError, match=r"--set claims=\[\]") as caught:
        load_suite(tmp_path / "mine.yaml", ["models=[pylon]"])
    assert (caught.value.value, caught.value.allowed) == ("Baseline", ("PYLON",))
    assert load_suite(tmp_path / "mine.yaml", ["models=[pylon]", "claims=[]"]).claims == ()


def test_claims_and_margins_are_no_part_of_a_trials_identity(load):
    claimed = load("{superior: PYLON, to: Baseline, resolution: 128}")
    silent = load("", text=SUITE.split("claims:", maxsplit=1)[0] + "margins: {auroc: 0.1}\n#%s")
    assert [t.id for t in claimed.grid.trials] == [t.id for t in silent.grid.trials]


def test_statements_are_derived_where_none_is_given(load):
    claims = load(
        "{superior: PYLON, to: [Baseline, PYLON (UP1)], resolution: 128, column: [weighted, Mass]}",
        "{equivalent: [PYLON, Baseline], resolution: 128, metric: auroc}",
        "{less_variable: PYLON, than: Baseline, resolution: 128, metric: iobb_accuracy}",
        "{gains_with: {resolution: 192}, over: {resolution: 128}, models: PYLON}",
        "{superior: PYLON, to: Baseline, resolution: 128, statement: Finer is better}",
    ).claims
    assert [claim.statement for claim in claims] == [
        "PYLON scores above Baseline, PYLON (UP1) (point localization accuracy, weighted, Mass)",
        "PYLON, Baseline score the same within ±0.005 (AUROC, weighted)",
        "PYLON varies less across seeds than Baseline (accuracy by overlap, weighted)",
        "PYLON, 192 px gains over PYLON, 128 px (point localization accuracy, weighted)",
        "Finer is better",
    ]


def test_a_selection_keeps_the_claims_that_it_can_test(load):
    loaded = load(
        "{superior: PYLON, to: others, resolution: 128}",
        "{superior: PAN − GAP in FPA, to: PYLON, resolution: 192}",
    )
    narrowed = loaded.narrowed(loaded.grid.select(["model=PYLON", "model=Baseline"], "1"))
    (claim,) = narrowed.claims
    (comparison,) = claim.comparisons
    assert (comparison.first.label, comparison.second.label) == ("PYLON", "Baseline")
    assert [p.trial.seed for p in comparison.first.points] == [1]


def test_sanity_checks_can_be_claimed_where_the_suite_asks_for_them(load):
    claim = "{superior: PYLON, to: Baseline, metric: road, resolution: 128, cam: native}"
    with pytest.raises(SuiteError) as caught:
        load(claim)
    assert caught.value.value == "road"
    assert caught.value.place.endswith("mine.yaml:7:37")
    (stated,) = load(claim, text=f"sanity: true\n{SUITE}").claims
    assert stated.claim.metric == "road"
