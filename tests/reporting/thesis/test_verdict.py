"""Verdicts on differences from published means."""

import pytest

from bench.reporting.published import PublishedCell
from bench.reporting.thesis.cells import compare_fact, compare_means

FIVE = (-0.002, -0.001, 0.0, 0.001, 0.002)


def seeds(mean: float) -> list[float]:
    return [mean + step for step in FIVE]


@pytest.mark.parametrize(
    ("mean", "published", "margin", "verdict"),
    [
        (0.63, PublishedCell("0.62", "0.01"), 0.05, "reproduced"),
        (0.804, PublishedCell("0.794", "0.001"), 0.05, "reproduced"),
        (0.804, PublishedCell("0.794", "0.001"), 0.005, "higher"),
        (0.784, PublishedCell("0.794", "0.001"), 0.005, "lower"),
        (0.799, PublishedCell("0.794", "0.001"), 0.005, "inconclusive"),  # at the margin
        (0.51, PublishedCell("0.51", "0.57"), 0.05, "inconclusive"),  # equal, and nothing known
        (0.30, PublishedCell("0.38", ""), 0.05, "lower"),  # taken as exact
    ],
)
def test_verdict_by_margin(mean: float, published: PublishedCell, margin: float, verdict: str) -> None:
    found = compare_means(seeds(mean), published, margin)
    assert found.verdict == verdict
    assert found.difference == pytest.approx(mean - float(published.mean))


@pytest.mark.parametrize(
    ("published", "margin", "is_wide"),
    [
        ("0.06", 0.05, True),
        ("0.62", 0.05, False),
        ("0.15", 0.05, False),
        ("0.14", 0.05, True),
        ("0.99", 0.005, True),
    ],
)
def test_a_margin_above_a_third_of_the_published_value_or_of_its_room_is_told(
    published, margin, is_wide
) -> None:
    printed = PublishedCell(published, "0.001")
    assert compare_means(seeds(printed.value.mean), printed, margin).has_wide_margin is is_wide


def test_one_seed_is_inconclusive_however_near() -> None:
    assert compare_means([0.62], PublishedCell("0.62", "0.01"), 0.05).verdict == "inconclusive"


def test_nothing_measured_or_published_is_missing() -> None:
    assert compare_means([], PublishedCell("0.62", "0.01"), 0.005).verdict == "missing"
    assert compare_means(seeds(0.6), None, 0.005).verdict == "missing"
    assert compare_fact(None, PublishedCell("0.10", "")).verdict == "missing"
    assert compare_fact(0.1, None).verdict == "missing"


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (0.1, "reproduced"),
        (0.0951, "reproduced"),
        (0.105, "reproduced"),
        (0.0942, "lower"),
        (0.1051, "higher"),
    ],
)
def test_a_fact_is_reproduced_if_it_rounds_to_the_printed_number(value: float, verdict: str) -> None:
    assert compare_fact(value, PublishedCell("0.10", "")).verdict == verdict
