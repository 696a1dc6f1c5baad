"""AUROC per class and its averages."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from bench.metrics.auroc import MEASURE
from bench.metrics.measure import measured

ABC = ("A", "B", "C")


def auroc(
    scores: np.ndarray, labels: np.ndarray, findings: tuple[str, ...]
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Returns AUROC by column, and the findings that are left out."""
    table = pd.DataFrame(
        {
            "finding": np.tile(np.array(findings, object), len(labels)),
            "label": labels.reshape(-1),
            "logit": scores.reshape(-1),
        }
    )
    values = measured(MEASURE, table, findings)
    left_out = tuple(name for name in findings if name not in values)
    assert any(name in note for note in MEASURE.notes(table, findings) for name in left_out) == bool(left_out)
    return values, left_out


def _column(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)[:, None]


def _labels(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint8)[:, None]


def _reference_auroc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Share of (positive, negative) pairs in order, ties half: the Mann-Whitney form, by loops."""
    in_order = [
        1.0 if high > low else 0.5 if high == low else 0.0
        for high in scores[labels == 1]
        for low in scores[labels == 0]
    ]
    return sum(in_order) / len(in_order)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((0.1, 0.2, 0.8, 0.9), 1.0),
        ((0.9, 0.8, 0.2, 0.1), 0.0),
        ((0.5, 0.5, 0.5, 0.5), 0.5),
        ((0.1, 0.6, 0.4, 0.9), 0.75),
        ((0.1, 0.4, 0.4, 0.9), 0.875),
    ],
)
def test_auroc_by_hand(scores: tuple[float, ...], expected: float) -> None:
    values, left_out = auroc(_column(*scores), _labels(0, 0, 1, 1), ("A",))
    assert values["A"] == pytest.approx(expected)
    assert left_out == ()


def test_macro_counts_findings_alike_and_weighted_by_their_positives() -> None:
    labels = np.array([[0, 0], [0, 1], [0, 1], [1, 1]], dtype=np.uint8)
    scores = np.array([[0.1, 0.9], [0.2, 0.1], [0.3, 0.2], [0.4, 0.3]])
    values, _ = auroc(scores, labels, ("A", "B"))
    assert values == pytest.approx({"A": 1.0, "B": 0.0, "macro": 0.5, "weighted": 1 / 4})


@pytest.mark.parametrize("only", [0, 1])
def test_findings_with_one_label_value_are_left_out_of_means_and_named(only: int) -> None:
    labels = np.array([[0, only], [1, only]], dtype=np.uint8)
    values, left_out = auroc(np.array([[0.1, 0.3], [0.2, 0.4]]), labels, ("A", "B"))
    assert left_out == ("B",)
    assert values == {"weighted": 1.0, "macro": 1.0, "A": 1.0}


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((-np.inf, 0.2, 0.8, np.inf), 1.0),  # infinite, and rightly at the ends
        ((np.inf, 0.2, 0.8, 0.9), 0.5),
        ((-np.inf, 0.2, -np.inf, 0.9), 0.625),  # a tie at the end counts half
        ((np.inf, 0.2, np.inf, 0.9), 0.625),
        ((np.nan, 0.2, 0.8, 0.9), 0.5),  # of a negative: above all
        ((0.1, 0.2, np.nan, 0.9), 0.5),  # of a positive: below all
        ((-np.inf, 0.2, np.nan, np.inf), 0.5),
        ((np.nan, np.nan, np.nan, np.nan), 0.0),
    ],
)
def test_infinite_scores_are_ranked_and_what_is_no_number_is_wrong(scores, expected: float) -> None:
    values, left_out = auroc(_column(*scores), _labels(0, 0, 1, 1), ("A",))
    assert (values["A"], left_out) == (pytest.approx(expected), ())


def test_findings_in_the_means_are_those_of_the_labels_whatever_the_scores_are() -> None:
    """So that seeds are averaged over the same findings."""
    labels = np.array([[0, 0], [1, 1]], dtype=np.uint8)
    values, left_out = auroc(np.array([[0.1, np.nan], [0.2, 0.4]]), labels, ("A", "B"))
    assert left_out == ()
    assert values == {"weighted": 0.5, "macro": 0.5, "A": 1.0, "B": 0.0}


def test_nothing_defined_gives_no_mean() -> None:
    assert auroc(_column(0.1, 0.2), _labels(1, 1), ("A",)) == ({}, ("A",))
    assert auroc(np.zeros((0, 1)), np.zeros((0, 1), np.uint8), ("A",)) == ({}, ("A",))


def test_averages_come_first_then_findings_in_their_order() -> None:
    labels = np.array([[0, 1, 0], [1, 0, 1]], dtype=np.uint8)
    values, _ = auroc(np.eye(2, 3), labels, ABC)
    assert list(values) == ["weighted", "macro", *ABC]


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(4, 30), st.booleans())
def test_auroc_agrees_with_pair_counting_and_scikit_learn(seed: int, count: int, with_ties: bool) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.normal(size=(count, 3)).astype(np.float32)
    if with_ties:
        scores = scores.round()
    labels = generator.integers(0, 2, (count, 3), dtype=np.uint8)
    labels[0], labels[1] = 0, 1
    values, left_out = auroc(scores, labels, ABC)
    assert left_out == ()
    for index, name in enumerate(ABC):
        assert values[name] == pytest.approx(_reference_auroc(scores[:, index], labels[:, index]))
    assert values["macro"] == pytest.approx(roc_auc_score(labels, scores, average="macro"))
    assert values["weighted"] == pytest.approx(roc_auc_score(labels, scores, average="weighted"))


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_auroc_does_not_change_under_a_monotone_function(seed: int) -> None:
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(20, 1))
    labels = np.array([0, 1] * 10, dtype=np.uint8)[:, None]
    by_logit, _ = auroc(logits, labels, ("A",))
    by_probability, _ = auroc(1 / (1 + np.exp(-logits)), labels, ("A",))
    assert by_logit["A"] == pytest.approx(by_probability["A"])
