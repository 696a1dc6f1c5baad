"""How often verdicts are wrong and intervals miss, by simulation: what docs/claims.md says of its tests.

    python benchmarks/inference.py [--runs 400] [--only levels coverage equivalence marks spread]

There are as many units and patients as the official NIH test boxes have (984 of 726). A patient's units are
alike, models share some of a unit's difficulty, and seeds lie about .01 of accuracy apart. "Equal models" are
equal among patients at large: any one test set favours one of them.
"""

import argparse
import itertools
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bench.reporting.tables.standing import standings
from bench.statistics.equivalence import equivalence as equivalence_test
from bench.statistics.scores import ColumnScores
from bench.statistics.spread import spread_over_seeds
from bench.statistics.student import mean_interval
from bench.statistics.unit_scores import MeanScores, Units
from bench.statistics.variance import compare_variances

NUM_UNITS, NUM_PATIENTS = 984, 726
LEVEL = 0.05


def patients_of_units(generator: np.random.Generator) -> NDArray[np.int64]:
    """Returns each unit's patient: one unit of each, and the rest by lot."""
    rest = generator.integers(0, NUM_PATIENTS, NUM_UNITS - NUM_PATIENTS)
    return np.concatenate([np.arange(NUM_PATIENTS), rest])


def draw_models(
    generator: np.random.Generator,
    num_models: int,
    num_seeds: int,
    *,
    accuracy: float = 0.5,
    correlation: float = 0.5,
    seed_deviation: float = 0.035,
) -> list[ColumnScores]:
    """Returns models of equal accuracy among patients at large, on a probit scale.

    Args:
        generator: of chance.
        num_models: how many.
        num_seeds: of each.
        accuracy: of all of them, over patients and seeds.
        correlation: of a unit's difficulty between two models.
        seed_deviation: of a seed's level, in standard deviations of the difficulty; .035 are about .01 of
            accuracy.
    """
    patients = patients_of_units(generator)

    def difficulty() -> NDArray[np.float64]:
        """Of each unit: half a patient's, half its own."""
        of_patients = generator.normal(size=NUM_PATIENTS)[patients]
        drawn: NDArray[np.float64] = (of_patients + generator.normal(size=NUM_UNITS)) / np.sqrt(2)
        return drawn

    shared, rows = difficulty(), []
    names = np.arange(NUM_UNITS)
    for index in range(num_models):
        own = np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * difficulty()
        of_seeds = seed_deviation * generator.normal(size=num_seeds)
        noise = 0.5 * generator.normal(size=(NUM_UNITS, num_seeds))
        scale = np.sqrt(1 + 0.25 + seed_deviation**2)
        hits = own[:, None] + of_seeds + noise < scale * stats.norm.ppf(accuracy)
        units = Units(names, patients, np.full(NUM_UNITS, "all"))
        rows.append(_row(f"model {index}", MeanScores(hits.astype(float), units)))
    return rows


def _row(label: str, scores: MeanScores) -> ColumnScores:
    by_seed = dict(enumerate(scores.values("weighted").tolist()))
    return ColumnScores(label, by_seed, tuple(f"{label}, {seed}" for seed in by_seed), lambda: scores)


def levels(generator: np.random.Generator, num_runs: int) -> Iterator[str]:
    """How often two equal models come out different, by seed alone and by the test that decides."""
    yield "equal models called different at .05      by seed   decides"
    cases = itertools.product((0.5, 0.8), (3, 5), (0.035, 0.09))
    for correlation, num_seeds, deviation in cases:
        found = []
        for _ in range(num_runs):
            first, second = draw_models(
                generator, 2, num_seeds, correlation=correlation, seed_deviation=deviation
            )
            difference = first.minus(second)
            assert difference is not None
            found.append([difference.p_over_seeds < LEVEL, difference.decision[0] < LEVEL])
        by_seed, decides = np.mean(found, axis=0)
        case = f"correlation {correlation}, {num_seeds} seeds, sd of seeds {deviation}"
        yield f"  {case:<38}  {by_seed:6.3f}   {decides:6.3f}"


def coverage(generator: np.random.Generator, num_runs: int) -> Iterator[str]:
    """How often intervals hold the accuracy among patients and seeds at large."""
    yield "intervals that hold the true accuracy     over seeds   over both   shorter than seeds'"
    cases = itertools.product((2, 3, 5), (0.46, 0.99), (0.035, 0.2))
    for num_seeds, accuracy, deviation in cases:
        found = []
        for _ in range(num_runs):
            (row,) = draw_models(generator, 1, num_seeds, accuracy=accuracy, seed_deviation=deviation)
            seeds, both = mean_interval(row.values), row.over_both
            half_width = seeds.half_width or 0.0
            if both is None or both.low is None or both.high is None:
                continue
            own = max(seeds.mean - half_width, 0), min(seeds.mean + half_width, 1)
            found.append(
                [
                    abs(seeds.mean - accuracy) <= half_width,
                    both.low <= accuracy <= both.high,
                    both.low > own[0] or both.high < own[1],
                ]
            )
        over_seeds, over_both, shorter = np.mean(found, axis=0)
        case = f"{num_seeds} seeds, accuracy {accuracy}, sd of seeds {deviation}"
        yield f"  {case:<38}      {over_seeds:6.3f}      {over_both:6.3f}      {shorter:6.3f}"


def equivalence(generator: np.random.Generator, num_runs: int) -> Iterator[str]:
    """How often two equal models are called different, or two at the margin equivalent."""
    yield "five seeds, by margin / standard error    equal: refuted   at the margin: supported"
    for ratio in (0.1, 0.25, 0.5, 1.0, 3.0):
        margin = ratio * np.sqrt(2 / 5)
        counts = {"different": 0, "equivalent": 0}
        for shift, verdict in ((0.0, "different"), (margin, "equivalent")):
            for _ in range(10 * num_runs):
                first, second = generator.normal(size=(2, 5))
                differences = (first + shift - second).tolist()
                test = equivalence_test(np.mean(differences), spread_over_seeds(differences), margin)
                counts[verdict] += test.verdict == verdict
        refuted, supported = (counts[verdict] / (10 * num_runs) for verdict in ("different", "equivalent"))
        yield f"  {ratio:<38}          {refuted:6.3f}                     {supported:6.3f}"


def marks(generator: np.random.Generator, num_runs: int) -> Iterator[str]:
    """How often a column of seven equal models has a †, and a bold row worse than one that is not."""
    yield "columns of seven equal models, 5 seeds    any †    inversions of bold"
    found = []
    for _ in range(num_runs):
        rows = {row.label: row for row in draw_models(generator, 7, 5)}
        places = standings(rows, 1)
        best = [rows[label].over_seeds.mean for label, place in places.items() if place.is_best]
        others = [rows[label].over_seeds.mean for label, place in places.items() if not place.is_best]
        is_marked = any((place.p_to_best or 1) < LEVEL for place in places.values())
        found.append([is_marked, max(others, default=0) > min(best)])
    marked, inverted = np.mean(found, axis=0)
    yield f"  {'':<38}  {marked:6.3f}   {inverted:6.3f}"


def spread(generator: np.random.Generator, num_runs: int) -> Iterator[str]:
    """How often two rows that vary alike come out different in spread, either way."""
    yield "seeds of two rows of equal spread         any verdict"
    for num_seeds in (5, 6, 7, 10):
        pairs = generator.normal(size=(10 * num_runs, 2, num_seeds)).tolist()
        found = np.mean([compare_variances(first, second).p < LEVEL for first, second in pairs])
        yield f"  {num_seeds:<38}       {found:6.3f}"


PARTS: dict[str, Callable[[np.random.Generator, int], Iterator[str]]] = {
    "levels": levels,
    "coverage": coverage,
    "equivalence": equivalence,
    "marks": marks,
    "spread": spread,
}


def main() -> None:
    """Prints each part as it is drawn."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=400, help="test sets drawn for each line")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to draw")
    arguments = parser.parse_args()
    for name in arguments.only:
        for line in PARTS[name](np.random.default_rng(0), arguments.runs):
            print(line, flush=True)


if __name__ == "__main__":
    main()
