"""Populations of phantoms: labels of the real data sets, boxes where those have them."""

from pathlib import Path

import numpy as np
import pytest

from bench.data.phantom.populations import POPULATIONS, PhantomFinding, PhantomPopulation
from bench.data.phantom.render import Truth, phantom_truth, render_phantom
from bench.suite.findings import NIH_BOXED_FINDINGS, NIH_FINDINGS, VINDR_FINDINGS, VINDR_NO_FINDING

GOLDEN = Path(__file__).parents[1] / "golden" / "phantoms_eight_seed1_64px.npz"
SAMPLE_SIZE = 800

CHANGES_ANATOMY = {"Cardiomegaly", "Atelectasis"}
"""They change the picture beside their boxes too: a larger heart, a higher dome."""

every_finding = pytest.mark.parametrize(
    ("population", "finding"),
    [(name, kind.finding) for name in ("nih", "vindr") for kind in POPULATIONS[name].kinds],
)


@pytest.fixture(scope="module")
def sample() -> dict[str, list[Truth]]:
    return {
        name: [phantom_truth(3, index, 1, name) for index in range(SAMPLE_SIZE)] for name in ("nih", "vindr")
    }


def lone(population: str, finding: str, count: int) -> list[int]:
    """Indices of phantoms that have this finding and no other."""
    position = POPULATIONS[population].findings.index(finding)
    found: list[int] = []
    for index in range(4000):
        labels = phantom_truth(5, index, 1, population).labels
        if labels[position] and labels.sum() == 1:
            found.append(index)
        if len(found) == count:
            break
    return found


def change(population: str, index: int, size_px: int) -> np.ndarray:
    """How far each pixel is from that of the same patient without findings."""
    drawn = render_phantom(5, index, size_px, population).image
    return np.abs(drawn.astype(float) - render_phantom(5, index, size_px, with_lesions=False).image)


def test_the_eight_are_drawn_as_ever() -> None:
    """Labels and boxes to the last digit; pixels to a grey level, since CPUs round differently."""
    golden = np.load(GOLDEN)
    phantoms = [render_phantom(1, index, 64) for index in range(len(golden["images"]))]
    boxes = [(i, b.finding_index, b.x, b.y, b.w, b.h) for i, p in enumerate(phantoms) for b in p.boxes]
    np.testing.assert_array_equal([p.labels for p in phantoms], golden["labels"])
    np.testing.assert_allclose(boxes, golden["boxes"], rtol=0, atol=1e-9)
    difference = np.abs(np.stack([p.image for p in phantoms]).astype(int) - golden["images"])
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


def test_labels_and_boxes_are_those_of_the_real_data_sets() -> None:
    nih, vindr = POPULATIONS["nih"], POPULATIONS["vindr"]
    assert (nih.findings, vindr.findings) == (NIH_FINDINGS, VINDR_FINDINGS)
    assert nih.boxed == set(NIH_BOXED_FINDINGS)
    assert vindr.boxed == set(VINDR_FINDINGS) - {VINDR_NO_FINDING}
    for population in POPULATIONS.values():
        drawn = [kind.finding for kind in population.kinds]
        assert sorted(drawn) == sorted(set(population.findings) - {VINDR_NO_FINDING})


def test_boxed_findings_have_boxes_where_they_are_and_others_never(sample) -> None:
    for name, truths in sample.items():
        population = POPULATIONS[name]
        boxed = [i for i, finding in enumerate(population.findings) if finding in population.boxed]
        for truth in truths:
            present = {box.finding_index for box in truth.boxes}
            assert present == {i for i in boxed if truth.labels[i]}
            for box in truth.boxes:
                assert min(box.x, box.y) >= 0
                assert min(box.w, box.h) > 0.02
                assert max(box.x + box.w, box.y + box.h) <= 1 + 1e-9


def test_no_finding_is_the_complement_of_the_others(sample) -> None:
    labels = np.stack([truth.labels for truth in sample["vindr"]])
    np.testing.assert_array_equal(labels[:, -1], labels[:, :-1].sum(axis=1) == 0)
    assert 0.04 < labels[:, -1].mean() < 0.20


def test_every_finding_is_common_enough_for_a_small_training_set(sample) -> None:
    for truths in sample.values():
        shares = np.stack([truth.labels for truth in truths]).mean(axis=0)
        assert np.all((shares > 0.05) & (shares < 0.27))


def test_phantoms_have_four_findings_at_most_and_none_that_exclude_each_other(sample) -> None:
    for name, truths in sample.items():
        population = POPULATIONS[name]
        for truth in truths:
            found = {population.findings[i] for i in np.flatnonzero(truth.labels)}
            assert len(found) <= 4
            assert not any(pair <= found for pair in population.apart)


def test_the_smallest_draw_in_units_of_its_share_is_chosen_first() -> None:
    kinds = (PhantomFinding("a", 0.5), PhantomFinding("b", 0.2), PhantomFinding("c", 0.4))
    free = PhantomPopulation(("a", "b", "c"), kinds, frozenset())
    assert free.choose([0.4, 0.1, 0.4]) == (True, True, False)
    assert free.choose([0.4, 0.1, 0.3]) == (True, True, True)
    limited = PhantomPopulation(("a", "b", "c"), kinds, frozenset(), most=1)
    assert limited.choose([0.4, 0.1, 0.3]) == (False, True, False)
    apart = PhantomPopulation(("a", "b", "c"), kinds, frozenset(), apart=(frozenset({"b", "c"}),))
    assert apart.choose([0.4, 0.1, 0.3]) == (True, True, False)
    assert apart.choose([0.4, 0.2, 0.3]) == (True, False, True)


@every_finding
def test_finding_alone_changes_the_picture_inside_its_boxes_and_hardly_beside_them(
    population, finding
) -> None:
    size_px = 128
    for index in lone(population, finding, count=3):
        difference = change(population, index, size_px)
        boxes = phantom_truth(5, index, size_px, population).boxes
        if finding not in POPULATIONS[population].boxed:
            assert (difference > 12.0).sum() > 40
            continue
        assert boxes
        beside = np.ones_like(difference, bool)
        for box in boxes:
            inside = np.s_[int(box.y) : int(box.y + box.h) + 1, int(box.x) : int(box.x + box.w) + 1]
            assert np.percentile(difference[inside], 90) > 12.0
            margin = 4
            wide = np.s_[
                max(int(box.y) - margin, 0) : int(box.y + box.h) + margin + 1,
                max(int(box.x) - margin, 0) : int(box.x + box.w) + margin + 1,
            ]
            beside[wide] = False
        if finding not in CHANGES_ANATOMY:
            assert difference[beside].max() < 14.0


def test_same_patient_has_the_same_findings_at_any_resolution() -> None:
    for population in ("nih", "vindr"):
        small, large = render_phantom(7, 4, 64, population), render_phantom(7, 4, 128, population)
        np.testing.assert_array_equal(small.labels, large.labels)
        assert [2 * box.x for box in small.boxes] == pytest.approx([box.x for box in large.boxes])
