"""Verdicts on claims, against values that were worked out by hand.

With 2 degrees of freedom Student's t has P(T > t) = ½(1 − t/√(2 + t²)).
"""

import math

import numpy as np
import pandas as pd
import pytest
from records import THESIS_COLUMNS
from scipy import stats

from bench.cli.read.verify import verdict_sentences
from bench.cli.render import show
from bench.reporting.tables.claims import claims_table
from bench.reporting.verdicts import ClaimVerdict, judge
from bench.results.grid_results import Results
from bench.results.units import BOX_COLUMNS, write_table
from bench.statistics.spread import SEEDS_ALONE, SEEDS_AND_PATIENTS

SUITE = """\
models: [pylon, baseline, fpn]
datasets: [phantom]
resolutions: [64]
seeds: [0, 1, 2]
claims:
"""


def upper_tail_with_2_df(t: float) -> float:
    return (1 - t / math.sqrt(2 + t * t)) / 2


@pytest.fixture
def judged(example):
    def judged(
        values: dict[str, tuple[float | None, ...]],
        *claims: str,
        metric: str = "point_accuracy/weighted",
        suite: str = SUITE,
    ) -> tuple[ClaimVerdict, ...]:
        """Finishes a trial for each value; None fails the trial, beyond the last value none is run."""
        loaded = example.load(suite + "".join(f"  - {claim}\n" for claim in claims))
        for point in loaded.grid.points:
            seed, of_row = point.trial.seed, values.get(point.label, ())
            if seed < len(of_row):
                value = of_row[seed]
                if value is None:
                    example.store.fail(point.trial, "RuntimeError: boom")
                else:
                    example.finish(point, {metric: value, "auroc/macro": 0.5})
        return judge(loaded.claims, Results(loaded.grid, example.store))

    return judged


BASELINE = (0.4, 0.5, 0.6)


def test_superiority_is_a_paired_t_test(judged):
    """Differences .1, .2, .3: t = .2/(.1/√3) = √12."""
    (claim,) = judged({"PYLON": (0.5, 0.7, 0.9), "Baseline": BASELINE}, "{superior: PYLON, to: Baseline}")
    (comparison,) = claim.comparisons
    evidence = comparison.evidence
    assert (evidence.num_seeds, evidence.population) == (3, SEEDS_ALONE)
    assert evidence.effect == pytest.approx(0.2)
    assert evidence.p == evidence.p_over_seeds
    assert evidence.p == pytest.approx(2 * upper_tail_with_2_df(math.sqrt(12)), rel=1e-9)
    assert [evidence.low, evidence.high] == pytest.approx([0.2 - 0.24841, 0.2 + 0.24841], abs=1e-5)
    assert comparison.adjusted_p == evidence.p
    assert claim.verdict == comparison.verdict == "inconclusive"  # p is .074


def test_sign_flips_stand_beside_with_the_least_p_that_three_seeds_can_give(judged):
    (claim,) = judged({"PYLON": (0.5, 0.7, 0.9), "Baseline": BASELINE}, "{superior: PYLON, to: Baseline}")
    flip = claim.comparisons[0].evidence.sign_flip
    assert (flip.p, flip.smallest_p) == (0.25, 0.25)


@pytest.mark.parametrize(
    ("claim", "verdict"), [("PYLON, to: Baseline", "supported"), ("Baseline, to: PYLON", "refuted")]
)
def test_a_clear_difference_supports_one_claim_and_refutes_the_opposite(judged, claim, verdict):
    values = {"PYLON": (0.90, 1.00, 1.11), "Baseline": BASELINE}
    (found,) = judged(values, f"{{superior: {claim}}}")
    assert found.verdict == verdict
    assert found.comparisons[0].evidence.effect == pytest.approx(
        0.50333 * (1 if verdict == "supported" else -1), abs=1e-4
    )


def test_holm_counts_all_comparisons_of_the_suite_and_what_claims_share_once(judged):
    values = {"PYLON": (0.90, 1.00, 1.11), "Baseline": BASELINE, "FPN (BN)": (0.5, 0.5, 0.5)}
    shared = "{superior: PYLON, to: Baseline}"
    (alone,) = judged(values, shared)
    p = alone.comparisons[0].evidence.p
    assert alone.comparisons[0].adjusted_p == p
    several, again, third = judged(
        values, "{superior: PYLON, to: others}", shared, "{superior: FPN (BN), to: Baseline}"
    )
    assert several.comparisons[0].adjusted_p == pytest.approx(3 * p)
    assert again.comparisons[0].adjusted_p == several.comparisons[0].adjusted_p
    assert third.comparisons[0].evidence.effect == pytest.approx(0)
    assert third.verdict == "inconclusive"


def test_equivalence_is_two_one_sided_tests_of_which_either_outcome_has_half_the_level(judged):
    """Differences −.01, 0, .01: t = .05/(.01/√3) against either margin."""
    values = {"PYLON": (0.39, 0.5, 0.61), "Baseline": BASELINE}
    (claim,) = judged(values, "{equivalent: [PYLON, Baseline], margin: 0.05}")
    evidence = claim.comparisons[0].evidence
    assert evidence.p == pytest.approx(2 * upper_tail_with_2_df(0.05 * math.sqrt(3) / 0.01), rel=1e-6)
    half_width = 4.302653 * 0.01 / math.sqrt(3)
    assert [evidence.low, evidence.high] == pytest.approx([-half_width, half_width], abs=1e-6)
    assert evidence.sign_flip is None
    assert claim.verdict == "supported"


def test_equivalence_is_refuted_by_a_difference_beyond_the_margin(judged):
    """Differences .19, .20, .21 against .05: t = .15/(.01/√3)."""
    values = {"PYLON": (0.59, 0.70, 0.81), "Baseline": BASELINE}
    (claim,) = judged(values, "{equivalent: [PYLON, Baseline], margin: 0.05}")
    evidence = claim.comparisons[0].evidence
    assert not evidence.leans_to_claim
    assert evidence.p == pytest.approx(2 * upper_tail_with_2_df(0.15 * math.sqrt(3) / 0.01), rel=1e-6)
    assert claim.verdict == "refuted"


@pytest.mark.parametrize(
    ("level", "margin", "is_wide"),
    [(0.5, 0.05, False), (0.98, 0.02, True), (0.06, 0.05, True), (0.98, 0.005, False)],
)
def test_a_margin_that_is_wide_for_the_values_is_told(judged, capsys, level, margin, is_wide):
    values = {
        name: (level - 0.001, level, level + shift) for name, shift in (("PYLON", 0.001), ("Baseline", 0))
    }
    (claim,) = judged(values, f"{{equivalent: [PYLON, Baseline], margin: {margin}}}")
    assert claim.comparisons[0].evidence.has_wide_margin is is_wide
    notes = claims_table([claim]).notes
    assert [f"±{margin:g}" in note for note in notes] == [True] * is_wide
    show(*verdict_sentences([("suite", (claim,))]))
    assert " ".join(capsys.readouterr().out.split()).count("equivalent says little there") == is_wide


def test_equivalence_of_few_scattered_seeds_is_inconclusive(judged):
    values = {"PYLON": (0.2, 0.5, 0.8), "Baseline": BASELINE}
    (claim,) = judged(values, "{equivalent: [PYLON, Baseline], margin: 0.05}")
    assert claim.verdict == "inconclusive"


FIVE_SEEDS = SUITE.replace("[0, 1, 2]", "[0, 1, 2, 3, 4]")


def test_less_variable_is_a_two_sided_brown_forsythe_test(judged):
    """|x − median|: 0, .01, .01, .02, .02 and 0, .25, .25, .5, .5; means .012 and .3, 8 df."""
    values = {"PYLON": (0.48, 0.49, 0.50, 0.51, 0.52), "Baseline": (0.0, 0.25, 0.5, 0.75, 1.0)}
    steady, unsteady = judged(
        values,
        "{less_variable: PYLON, than: Baseline}",
        "{less_variable: Baseline, than: PYLON}",
        suite=FIVE_SEEDS,
    )
    squares = [0.3**2 + 2 * 0.05**2 + 2 * 0.2**2, 0.012**2 + 2 * 0.002**2 + 2 * 0.008**2]
    t = (0.3 - 0.012) / math.sqrt(sum(squares) / 8 * 2 / 5)
    evidence = steady.comparisons[0].evidence
    assert evidence.p == pytest.approx(2 * stats.t.sf(t, 8), rel=1e-9)
    assert evidence.effect == pytest.approx(math.sqrt(0.625 / 4) - math.sqrt(0.001 / 4))
    assert (math.isnan(evidence.low), evidence.population) == (True, SEEDS_ALONE)
    assert evidence.leans_to_claim
    opposite = unsteady.comparisons[0].evidence
    assert (opposite.p, opposite.leans_to_claim) == (pytest.approx(evidence.p), False)


@pytest.mark.parametrize(("row", "verdict"), [("PYLON", "supported"), ("Baseline", "refuted")])
def test_gross_differences_of_spread_decide(judged, row, verdict):
    wide = (0.0, 1.0, 0.02, 0.98, 0.01, 0.99, 0.03, 0.97)
    steady = tuple(0.5 + value / 1000 for value in wide)
    other = {"PYLON": "Baseline", "Baseline": "PYLON"}[row]
    (claim,) = judged(
        {"PYLON": steady, "Baseline": wide},
        f"{{less_variable: {row}, than: {other}}}",
        suite=SUITE.replace("[0, 1, 2]", "[0, 1, 2, 3, 4, 5, 6, 7]"),
    )
    assert claim.verdict == verdict


@pytest.mark.parametrize(
    ("values", "claim"),
    [
        ({}, "{superior: PYLON, to: Baseline}"),
        ({"PYLON": BASELINE}, "{superior: PYLON, to: Baseline}"),
        ({"PYLON": (0.9,), "Baseline": BASELINE}, "{superior: PYLON, to: Baseline}"),
        ({"PYLON": (0.9, 0.9, None), "Baseline": (None, 0.4, 0.5)}, "{superior: PYLON, to: Baseline}"),
        ({"PYLON": (0.9,), "Baseline": BASELINE}, "{equivalent: [PYLON, Baseline]}"),
        ({"PYLON": (0.9, 0.8), "Baseline": BASELINE}, "{less_variable: PYLON, than: Baseline}"),
        ({"PYLON": (0.49, 0.5, 0.51), "Baseline": (0, 0.5, 1)}, "{less_variable: PYLON, than: Baseline}"),
    ],
)
def test_too_few_seeds_are_not_testable_yet(judged, values, claim):
    (found,) = judged(values, claim)
    assert found.verdict == "not testable yet"
    assert math.isnan(found.comparisons[0].adjusted_p)


@pytest.mark.parametrize(
    ("pylon", "baseline"),
    [
        ((0.75,) * 5, (0.5,) * 5),
        ((0.5,) * 5, (0.5,) * 5),
        ((0.9, 0.8, 0.7, 0.6, 0.5), (0.6, 0.5, 0.4, 0.3, 0.2)),
    ],
)
@pytest.mark.parametrize("margin", [0.05, 0.4])
def test_differences_without_spread_decide_nothing(judged, pylon, baseline, margin):
    better, alike, steadier = judged(
        {"PYLON": pylon, "Baseline": baseline},
        "{superior: PYLON, to: Baseline}",
        f"{{equivalent: [PYLON, Baseline], margin: {margin}}}",
        "{less_variable: PYLON, than: Baseline}",
        suite=FIVE_SEEDS,
    )
    assert better.comparisons[0].evidence.effect == pytest.approx(pylon[0] - baseline[0])
    assert {claim.verdict for claim in (better, alike)} == {"inconclusive"}
    assert steadier.verdict == "inconclusive"


@pytest.fixture
def judged_by_units(example):
    """Finishes three seeds of PYLON and Baseline with given hits, [units, seeds], and judges claims."""

    def judged_by_units(hits, patients, *claims, metric="point_accuracy"):
        loaded = example.load(SUITE + "".join(f"  - {claim}\n" for claim in claims))
        for point in loaded.grid.points:
            if point.label not in hits:
                continue
            of_seed = np.asarray(hits[point.label], bool)[:, point.trial.seed]
            units = pd.DataFrame(
                {
                    "image": [f"{i:03}.png" for i in range(len(of_seed))],
                    "patient": patients,
                    "finding": np.where(np.arange(len(of_seed)) % 2, "Mass", "Nodule"),
                    **{name: 0 for name in THESIS_COLUMNS if name not in ("image", "patient", "finding")},
                    "hit": of_seed if metric == "point_accuracy" else ~of_seed,
                    "iobb": of_seed * 0.9,
                }
            )
            odd = np.arange(len(of_seed)) % 2 == 1
            values = {
                "weighted": of_seed.mean(),
                "Mass": of_seed[odd].mean(),
                "macro": (of_seed[odd].mean() + of_seed[~odd].mean()) / 2,
            }
            example.finish(point, {f"{metric}/{name}": float(value) for name, value in values.items()})
            write_table(
                example.store.folder(point.trial.id).cam_units("native"),
                units[list(THESIS_COLUMNS)],
                THESIS_COLUMNS,
            )
            place = np.arange(len(units))
            boxes = units.assign(x=place * 7 % 61, y=place * 11 % 61, w=2.0, h=2.0, width_px=64, height_px=64)
            write_table(example.store.folder(point.trial.id).boxes, boxes[list(BOX_COLUMNS)], BOX_COLUMNS)
        return judge(loaded.claims, Results(loaded.grid, example.store))

    return judged_by_units


def _drawn(num_patients: int, rates: dict[str, float]) -> dict[str, np.ndarray]:
    """Two units of a patient, which share how hard they are with each other, seeds and models."""
    generator = np.random.default_rng(3)
    hard = np.repeat(generator.normal(size=num_patients), 2)[:, None]
    noise = {label: generator.normal(size=(2 * num_patients, 3)) for label in rates}
    return {label: hard + 0.7 * noise[label] < rate for label, rate in rates.items()}


@pytest.mark.parametrize("metric", ["point_accuracy", "iobb_accuracy"])
@pytest.mark.parametrize("column", ["weighted", "macro", "Mass"])
def test_with_units_the_test_over_seeds_and_patients_decides(judged_by_units, metric, column):
    """Independently: variances by jackknife over patients and across seeds, and the p by bisection."""
    hits, patients = _drawn(60, {"PYLON": 0.6, "Baseline": 0.4}), np.repeat(np.arange(60), 2).astype(str)
    (claim,) = judged_by_units(
        hits,
        patients,
        f"{{superior: PYLON, to: Baseline, metric: {metric}, column: {column}}}",
        metric=metric,
    )
    evidence = claim.comparisons[0].evidence
    difference = hits["PYLON"].astype(float) - hits["Baseline"]
    odd = (np.arange(120) % 2 == 1)[:, None]

    def mean_of(kept: np.ndarray) -> np.ndarray:
        mass, nodule = (difference[kept & part[:, 0]].mean(axis=0) for part in (odd, ~odd))
        return {"weighted": difference[kept].mean(axis=0), "macro": (mass + nodule) / 2, "Mass": mass}[column]

    values = mean_of(np.full(120, True))
    without = np.array([mean_of(patients != str(patient)) for patient in range(60)])
    by_patients = 59 / 60 * np.square(without.mean(axis=1) - without.mean()).sum()
    apart = without - without.mean(axis=1, keepdims=True)
    by_both = (59 / 60 * np.square(apart - apart.mean(axis=0)).sum(axis=0)).sum() / (3 * 2)
    by_seeds = values.var(ddof=1) / 3

    def half_width(p: float) -> float:
        patients_, seeds = stats.t.isf(p / 2, 59) ** 2, stats.t.isf(p / 2, 2) ** 2
        return math.sqrt(max(patients_ * by_patients + seeds * max(by_seeds - by_both, 0), seeds * by_seeds))

    low, high = 1e-9, 1.0
    for _ in range(100):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if half_width(middle) > abs(values.mean()) else (low, middle)
    assert evidence.population == SEEDS_AND_PATIENTS
    assert evidence.effect == pytest.approx(values.mean())
    assert (evidence.high - evidence.low) / 2 == pytest.approx(half_width(0.05), rel=0.08)
    assert math.log(evidence.p) == pytest.approx(math.log(low), abs=0.5)
    assert evidence.p_over_seeds == pytest.approx(stats.ttest_1samp(values, 0).pvalue)
    assert evidence.p >= evidence.p_over_seeds


def test_seeds_that_agree_on_few_patients_do_not_decide(judged_by_units):
    """All seeds find an advantage at 3 patients of 20: by seed p is small, over patients it is not."""
    base = np.tile(np.arange(40) % 3 == 0, (3, 1)).T
    better = base.copy()
    better[[1, 4, 7]] = True
    better[10, 0] = not better[10, 0]
    (claim,) = judged_by_units(
        {"PYLON": better, "Baseline": base},
        np.repeat(np.arange(20), 2).astype(str),
        "{superior: PYLON, to: Baseline}",
    )
    evidence = claim.comparisons[0].evidence
    assert evidence.p_over_seeds < 0.05 < evidence.p
    assert claim.verdict == "inconclusive"


def test_equivalence_is_decided_over_patients_too(judged_by_units):
    hits = _drawn(60, {"PYLON": 0.5, "Baseline": 0.5})
    (claim,) = judged_by_units(
        hits, np.repeat(np.arange(60), 2).astype(str), "{equivalent: [PYLON, Baseline], margin: 0.2}"
    )
    evidence = claim.comparisons[0].evidence
    assert evidence.population == SEEDS_AND_PATIENTS
    assert evidence.p > evidence.p_over_seeds


@pytest.mark.parametrize(
    ("fpn", "verdict"),
    [
        ((0.41, 0.52, 0.60), "inconclusive"),  # one supported, one open
        ((1.4, 1.5, 1.63), "refuted"),  # one refuted
        ((0.39, 0.50, 0.61), "supported"),
        ((), "inconclusive"),  # one supported, one not testable
    ],
)
def test_a_claim_is_as_its_comparisons_are(judged, fpn, verdict):
    pylon = (0.90, 1.00, 1.12) if verdict != "inconclusive" or not fpn else (0.42, 0.51, 0.62)
    values = {"PYLON": pylon, "Baseline": (0.1, 0.2, 0.31), "FPN (BN)": fpn}
    (claim,) = judged(values, "{superior: PYLON, to: others}")
    assert claim.comparisons[0].verdict == "supported"
    assert claim.verdict == verdict


def test_missing_trials_are_named_with_the_reason(judged, example):
    values = {"PYLON": (0.9, None), "Baseline": BASELINE}
    overlap, auroc = judged(
        values,
        "{superior: PYLON, to: Baseline, metric: iobb_accuracy}",
        "{superior: PYLON, to: Baseline, metric: auroc, column: macro}",
    )
    ids = {
        (p.label, p.trial.seed): p.trial.id for p in example.load(SUITE.replace("claims:\n", "")).grid.points
    }
    assert auroc.missing == {ids["PYLON", 1]: "failed", ids["PYLON", 2]: "not finished"}
    lacking = {ids["Baseline", seed]: "scored without iobb_accuracy/weighted" for seed in range(3)}
    assert overlap.missing == auroc.missing | lacking | {
        ids["PYLON", 0]: "scored without iobb_accuracy/weighted"
    }


def test_maps_beside_the_native_one_are_read_from_their_evaluations(example):
    loaded = example.load(
        SUITE.replace("claims:\n", "cams: [native, grad_cam]\nclaims:\n")
        + "  - {gains_with: {cam: native}, over: {cam: grad_cam}, models: PYLON}\n"
        + "  - {equivalent: [PYLON, Baseline], metric: auroc, column: macro}\n"
    )
    for point in loaded.grid.points:
        if point.cam == "native":
            example.finish(point, {"point_accuracy/weighted": 0.5, "auroc/macro": 0.75})
    for point in loaded.grid.points:
        if point.cam == "grad_cam" and point.label == "PYLON" and point.trial.seed < 2:
            example.evaluate(point, 0.25 + point.trial.seed / 8)
    gain, alike = judge(loaded.claims, Results(loaded.grid, example.store))
    assert gain.comparisons[0].evidence.effect == pytest.approx((0.25 + 0.125) / 2)
    assert gain.comparisons[0].evidence.num_seeds == 2
    assert list(gain.missing.values()) == ["not evaluated"]
    assert next(iter(gain.missing)).endswith("[Grad-CAM]")
    assert alike.comparisons[0].evidence.num_seeds == 3
