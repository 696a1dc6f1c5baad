"""A comparison unit by unit as text for a terminal, as JSON, and its units as CSV."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict

from bench.cli.columns import Group, flow, wrap
from bench.reporting.pairwise import ComparedRow, PairwiseComparison, SeedComparison, Winner
from bench.reporting.tables.table import DASH
from bench.statistics.interval import Interval
from bench.statistics.spread import SEEDS_ALONE, SEEDS_AND_PATIENTS


def _legend(comparison: PairwiseComparison) -> Iterator[str]:
    yield f"p over seeds and patients decides, as in claims and tables: {SEEDS_AND_PATIENTS}"
    yield f"t by seed, and sign flips by seed: {SEEDS_ALONE}"
    if comparison.clustered is not None:
        yield (
            "McNemar p: exact, as if all units were independent; clustered (Obuchowski): units of a patient "
            "are not"
        )
    if comparison.by_patient is not None:
        of, p = "interval over patients, McNemar, and flips by patient", "sign flips by patient"
    else:
        of, p = "interval over patients", "other seeds and patients"
    yield f"{of}: of these trained models, on other patients"
    yield f"by finding: interval over patients; p of {p}; Holm: adjusted over the findings"


_KEYS: dict[Winner, str] = {
    "both": "both",
    "first": "only_first",
    "second": "only_second",
    "neither": "neither",
}
"""What documents call how many units have each outcome."""


def to_json(comparison: PairwiseComparison) -> str:
    """Returns everything but the single units as a JSON document; what is not defined is null.

    "first" and "second": label, reference (bool), seeds, remarks, accuracy (weighted), only (units that only
    it has). "units": how many are compared. "seeds": of each trial the difference and, of a metric of hits,
    how many units both, only_first, only_second or neither hit, and McNemar's exact p. "difference": of the
    weighted accuracies, with its intervals and tests; "decides" names the p that counts. "findings": the same
    of each, p_holm adjusted over them.
    """
    document = {
        "metric": comparison.metric.name,
        "first": _side(comparison.first, comparison.averages[0], comparison.only_first),
        "second": _side(comparison.second, comparison.averages[1], comparison.only_second),
        "units": comparison.num_units,
        "patients": comparison.over_patients.num_patients,
        "seeds": [_seed(seed) for seed in comparison.seeds],
        "difference": _difference(comparison),
        "findings": [
            {
                "finding": part.finding,
                "units": part.num_units,
                "first": part.first,
                "second": part.second,
                "difference": part.first - part.second,
                "over_patients": _ends(part.interval),
                "p": part.p,
                "p_holm": part.adjusted_p,
            }
            for part in comparison.findings
        ],
    }
    return json.dumps(document, indent=2, allow_nan=False)


def _seed(seed: SeedComparison) -> dict[str, object]:
    found: dict[str, object] = {"seed": seed.seed, "difference": seed.difference}
    if seed.hits is not None and seed.test is not None:
        found |= {_KEYS[winner]: count for winner, count in seed.hits.items()}
        found["p_mcnemar"] = seed.test.p
    return found


def _side(side: ComparedRow, accuracy: float, only: int) -> dict[str, object]:
    return {
        "label": side.label,
        "reference": side.is_reference,
        "seeds": sorted(side.tables),
        "remarks": side.remarks,
        "accuracy": accuracy,
        "only": only,
    }


def _difference(comparison: PairwiseComparison) -> dict[str, object]:
    clustered, by_seed = comparison.clustered, comparison.by_seed
    return {
        "mean": comparison.difference,
        "over_patients": _ends(comparison.over_patients),
        "over_seeds_and_patients": _ends(comparison.over_seeds_and_patients),
        "p_over_seeds_and_patients": _or_none(comparison.p_over_seeds_and_patients),
        "p_over_seeds": _or_none(comparison.p_over_seeds),
        "decides": "p_over_seeds_and_patients",
        "mcnemar_clustered": None
        if clustered is None
        else {"statistic": _or_none(clustered.statistic), "p": _or_none(clustered.p)},
        "sign_flip_by_patient": None if comparison.by_patient is None else asdict(comparison.by_patient),
        "sign_flip_by_seed": None if by_seed is None else asdict(by_seed),
    }


def to_csv(comparison: PairwiseComparison) -> str:
    """Returns a line per seed and unit: seed, image, patient, finding, what first and second score.

    Of a metric of hits these are 1 and 0, and there is an outcome.
    """
    units = comparison.units
    if comparison.clustered is None:
        table: str = units.to_csv(index=False, lineterminator="\n")
        return table
    words = {(True, True): "both", (True, False): "first", (False, True): "second", (False, False): "neither"}
    outcome = [words[bool(a), bool(b)] for a, b in zip(units["first"], units["second"], strict=True)]
    hits = units.assign(first=units["first"].astype(int), second=units["second"].astype(int), outcome=outcome)
    text: str = hits.to_csv(index=False, lineterminator="\n")
    return text


def to_text(comparison: PairwiseComparison, width: int) -> str:
    """Returns the comparison in lines of at most `width` characters, as far as its columns allow."""
    lines = [line for text in _heading(comparison) for line in wrap(text, width)]
    lines += ["", "Trial by trial"]
    lines += flow([f"seed {seed.seed}" for seed in comparison.seeds], [_counts(comparison)], width)
    lines += [line for text in _tests(comparison) for line in wrap(text, width)]
    lines += ["", "By finding"]
    lines += flow([part.finding for part in comparison.findings], _findings(comparison), width)
    lines += [line for text in _legend(comparison) for line in wrap(text, width)]
    return "\n".join(lines)


def _heading(comparison: PairwiseComparison) -> Iterator[str]:
    first, second = comparison.first, comparison.second
    yield f"{first.label} − {second.label}: {_signed(comparison.difference)} ({comparison.metric.phrase})"
    patients = comparison.over_patients.num_patients
    yield (
        f"weighted average {comparison.averages[0]:.3f} and {comparison.averages[1]:.3f} on "
        f"{comparison.num_units} units of {patients} patients"
    )
    for side, only in ((first, comparison.only_first), (second, comparison.only_second)):
        if only:
            yield f"{only} units that only {side.label} has are left out"
        for remark in side.remarks:
            yield f"{side.label}: {remark}"
        if side.is_reference:
            yield f"{side.label} has one seed: how far others would differ is in no interval and no test"


def _counts(comparison: PairwiseComparison) -> Group:
    seeds = comparison.seeds
    hits = [(seed.hits, seed.test) for seed in seeds if seed.hits is not None and seed.test is not None]
    counts = [
        (key.replace("_", " "), *(str(found[winner]) for found, _ in hits)) for winner, key in _KEYS.items()
    ]
    difference = ("difference", *(_signed(seed.difference) for seed in seeds))
    if not hits:
        return Group("", (difference,))
    return Group("", (*counts, difference, ("McNemar p", *(_p(test.p) for _, test in hits))))


def _tests(comparison: PairwiseComparison) -> Iterator[str]:
    both, p_both = comparison.over_seeds_and_patients, comparison.p_over_seeds_and_patients
    yield f"95% interval over seeds and patients: {_interval(both)}; decides: p = {_p(p_both)}"
    yield f"95% interval over patients: {_interval(comparison.over_patients)}"
    yield f"t by seed: p = {_p(comparison.p_over_seeds)}"
    if comparison.clustered is not None:
        yield f"McNemar clustered by patient: p = {_p(comparison.clustered.p)}"
    if comparison.by_patient is not None:
        yield f"sign flips by patient: p = {_p(comparison.by_patient.p)}"
    if comparison.by_seed is not None:
        test = comparison.by_seed
        reach = f"{test.num_pairs} seeds that differ give no p below {_p(test.smallest_p)}"
        yield f"sign flips by seed: p = {_p(test.p)}; {reach}"


def _findings(comparison: PairwiseComparison) -> list[Group]:
    parts = comparison.findings
    accuracies = (
        ("units", *(str(part.num_units) for part in parts)),
        ("first", *(f"{part.first:.3f}" for part in parts)),
        ("second", *(f"{part.second:.3f}" for part in parts)),
        ("difference", *(_signed(part.first - part.second) for part in parts)),
    )
    tests = (
        ("95% interval", *(_interval(part.interval) for part in parts)),
        ("p", *(_p(part.p) for part in parts)),
        ("Holm", *(_p(part.adjusted_p) for part in parts)),
    )
    return [Group("", accuracies), Group("", tests)]


def _ends(interval: Interval) -> list[float] | None:
    return None if interval.low is None or interval.high is None else [interval.low, interval.high]


def _interval(interval: Interval) -> str:
    ends = _ends(interval)
    return DASH if ends is None else f"{_signed(ends[0])} to {_signed(ends[1])}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _p(value: float) -> str:
    if math.isnan(value):
        return DASH
    return f"{value:.1e}" if value < 0.0001 else f"{value:.4f}"


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
