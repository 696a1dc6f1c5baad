"""Verdicts on claims, against values that were worked out by hand.

With 2 degrees of freedom Student's t has P(T > t) = ½(1 − t/√(2 + t²)).
"""

import math

import pytest
from scipy import stats

from bench.reporting.verdicts import ClaimVerdict, judge

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
        return judge(loaded.claims, example.store)

    return judged


BASELINE = (0.4, 0.5, 0.6)


def test_superiority_is_a_paired_t_test(judged):
    """Differences .1, .2, .3: t = .2/(.1/√3) = √12."""
    (claim,) = judged({"PYLON": (0.5, 0.7, 0.9), "Baseline": BASELINE}, "{superior: PYLON, to: Baseline}")
    (comparison,) = claim.comparisons
    evidence = comparison.evidence
    assert (evidence.num_seeds, evidence.confidence) == (3, 0.95)
    assert evidence.effect == pytest.approx(0.2)
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


def test_equivalence_is_two_one_sided_tests_with_a_90_percent_interval(judged):
    """Differences −.01, 0, .01: t = .05/(.01/√3) against either margin."""
    values = {"PYLON": (0.39, 0.5, 0.61), "Baseline": BASELINE}
    (claim,) = judged(values, "{equivalent: [PYLON, Baseline], margin: 0.05}")
    evidence = claim.comparisons[0].evidence
    assert evidence.p == pytest.approx(upper_tail_with_2_df(0.05 * math.sqrt(3) / 0.01), rel=1e-6)
    half_width = 2.919986 * 0.01 / math.sqrt(3)
    assert [evidence.low, evidence.high] == pytest.approx([-half_width, half_width], abs=1e-6)
    assert evidence.confidence == pytest.approx(0.9)
    assert evidence.sign_flip is None
    assert claim.verdict == "supported"


def test_equivalence_is_refuted_by_a_difference_beyond_the_margin(judged):
    """Differences .19, .20, .21 against .05: t = .15/(.01/√3)."""
    values = {"PYLON": (0.59, 0.70, 0.81), "Baseline": BASELINE}
    (claim,) = judged(values, "{equivalent: [PYLON, Baseline], margin: 0.05}")
    evidence = claim.comparisons[0].evidence
    assert not evidence.leans_to_claim
    assert evidence.p == pytest.approx(upper_tail_with_2_df(0.15 * math.sqrt(3) / 0.01), rel=1e-6)
    assert claim.verdict == "refuted"


def test_equivalence_of_few_scattered_seeds_is_inconclusive(judged):
    values = {"PYLON": (0.2, 0.5, 0.8), "Baseline": BASELINE}
    (claim,) = judged(values, "{equivalent: [PYLON, Baseline], margin: 0.05}")
    assert claim.verdict == "inconclusive"


def test_less_variable_is_a_one_sided_brown_forsythe_test(judged):
    """|x − median|: 0, .01, .01 and 0, .5, .5; t of the means .00667 and .3333 with 4 df."""
    values = {"PYLON": (0.49, 0.50, 0.51), "Baseline": (0.0, 0.5, 1.0)}
    steady, unsteady = judged(
        values, "{less_variable: PYLON, than: Baseline}", "{less_variable: Baseline, than: PYLON}"
    )
    t = 0.98 / 3 / math.sqrt((0.25 / 3 + 0.0001 / 3) / 3)
    evidence = steady.comparisons[0].evidence
    assert evidence.p == pytest.approx(stats.t.sf(t, 4), rel=1e-9)
    assert evidence.effect == pytest.approx(0.5 - 0.01)
    assert math.isnan(evidence.low)
    assert evidence.leans_to_claim
    opposite = unsteady.comparisons[0].evidence
    assert (opposite.p, opposite.leans_to_claim) == (pytest.approx(evidence.p), False)
    assert steady.verdict == unsteady.verdict == "inconclusive"


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
    ],
)
def test_too_few_seeds_are_not_testable_yet(judged, values, claim):
    (found,) = judged(values, claim)
    assert found.verdict == "not testable yet"
    assert math.isnan(found.comparisons[0].adjusted_p)


def test_differences_without_spread_decide_nothing(judged):
    values = {"PYLON": (0.75, 0.75, 0.75), "Baseline": (0.5, 0.5, 0.5)}
    better, steadier = judged(
        values, "{superior: PYLON, to: Baseline}", "{less_variable: PYLON, than: Baseline}"
    )
    assert better.comparisons[0].evidence.effect == 0.25
    assert better.verdict == steadier.verdict == "inconclusive"


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
    gain, alike = judge(loaded.claims, example.store)
    assert gain.comparisons[0].evidence.effect == pytest.approx((0.25 + 0.125) / 2)
    assert gain.comparisons[0].evidence.num_seeds == 2
    assert list(gain.missing.values()) == ["not evaluated"]
    assert next(iter(gain.missing)).endswith("[Grad-CAM]")
    assert alike.comparisons[0].evidence.num_seeds == 3
