"""Compare two rows of a suite, or a row and a reference, image by image.

A unit is a finding of an image that has a box for it. A metric of hits tells for each unit whether both, one
or neither hit it. Differences are first − second, of the weighted average. Rows of a suite are paired by
seed; a reference is compared with each seed of the other side. --csv writes every unit, so that its image can
be looked at.

--json: everything but the single units; an undefined value is null. "first" and "second" have label,
reference (bool), seeds, remarks, accuracy (weighted) and only (units that only it has). "units" is how many
are compared. "seeds" has the difference of each trial and, for a metric of hits, how many units both,
only_first, only_second or neither hit, and McNemar's exact p. "difference" is that of the weighted averages,
with its intervals and tests; its "decides" names the p that counts. "findings" has the same for each finding,
p_holm adjusted over them.
"""

import argparse
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from bench.cli import arguments as shared
from bench.cli.render import DASH, Column, Table, heading, note, show, show_json
from bench.results.files import write_text
from bench.suite.metrics import PRIMARY

if TYPE_CHECKING:
    from bench.reporting.pairwise import ComparedRow, PairwiseComparison, Winner
    from bench.statistics.interval import Interval

EXAMPLES = """\
examples:
  bench compare demo PYLON Baseline
  bench compare nih_256 PYLON authors_pylon_nih256 --csv units.csv
"""

_OUTCOMES: "dict[Winner, str]" = {
    "both": "both",
    "first": "only_first",
    "second": "only_second",
    "neither": "neither",
}
"""Keys of documents by outcome of a unit."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_suite(parser)
    for name in ("first", "second"):
        parser.add_argument(
            name, metavar=name.upper(), help="a row of the suite, or a reference of `bench reference list`"
        )
    parser.add_argument(
        "--metric",
        default=PRIMARY.name,
        metavar="NAME",
        help=f"compare by a metric of `bench list metrics` (default: {PRIMARY.name})",
    )
    shared.add_results_dir(parser)
    shared.add_json(parser)
    parser.add_argument("--csv", type=shared.path, metavar="FILE", help="write a row for each seed and unit")


def execute(arguments: argparse.Namespace) -> int:
    """Prints the comparison, and writes its units if --csv is given."""
    from bench import api
    from bench.api.reading import compared_points

    loaded = shared.load(arguments)
    comparison = api.compare(
        loaded,
        arguments.first,
        arguments.second,
        arguments.metric,
        only=arguments.only,
        seeds=arguments.seeds,
        results_dir=arguments.results_dir,
    )
    if arguments.json:
        show_json(_json(comparison))
    else:
        show(*_heading(comparison), "", heading("Trial by trial"), _seeds_table(comparison))
        show("", *_tests(comparison), "")
        show(heading("By finding"), _findings_table(comparison), "", *_legend(comparison))
    points = compared_points(shared.select(arguments, loaded), comparison.first, comparison.second)
    shared.note_differences(points, shared.open_store(arguments))
    if arguments.csv is not None:
        write_text(arguments.csv, comparison.units_csv())
        note(f"units: {arguments.csv}")
    return 0


def _heading(comparison: "PairwiseComparison") -> Iterator[str]:
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
            yield f"{side.label} has one seed: no interval and no test covers how far others would differ"


def _seeds_table(comparison: "PairwiseComparison") -> Table:
    seeds = comparison.seeds
    names = Column("", [f"seed {seed.seed}" for seed in seeds])
    difference = Column("difference", [_signed(seed.difference) for seed in seeds], is_number=True)
    tested = [(seed.hits, seed.test.p) for seed in seeds if seed.hits is not None and seed.test is not None]
    if not tested:
        return Table([names, difference])
    hits = [
        Column(key.replace("_", " "), [str(found[outcome]) for found, _ in tested], is_number=True)
        for outcome, key in _OUTCOMES.items()
    ]
    return Table([names, *hits, difference, Column("McNemar p", [_p(p) for _, p in tested], is_number=True)])


def _tests(comparison: "PairwiseComparison") -> Iterator[str]:
    both, p_both = comparison.over_seeds_and_patients, comparison.p_over_seeds_and_patients
    yield f"95% interval over seeds and patients: {_interval(both)}; decides: p = {_p(p_both)}"
    yield f"95% interval over patients: {_interval(comparison.over_patients)}"
    yield f"t by seed: p = {_p(comparison.p_over_seeds)}"
    if comparison.clustered is not None:
        yield f"McNemar clustered by patient: p = {_p(comparison.clustered.p)}"
    if comparison.by_patient is not None:
        yield f"sign flips by patient: p = {_p(comparison.by_patient.p)}"
    if (test := comparison.by_seed) is not None:
        least = f"{test.num_pairs} seeds that differ give no p below {_p(test.smallest_p)}"
        yield f"sign flips by seed: p = {_p(test.p)}; {least}"


def _findings_table(comparison: "PairwiseComparison") -> Table:
    parts = comparison.findings
    columns = {
        "units": [str(part.num_units) for part in parts],
        "first": [f"{part.first:.3f}" for part in parts],
        "second": [f"{part.second:.3f}" for part in parts],
        "difference": [_signed(part.difference) for part in parts],
        "95% interval": [_interval(part.interval) for part in parts],
        "p": [_p(part.p) for part in parts],
        "Holm": [_p(part.adjusted_p) for part in parts],
    }
    numbers = [Column(heading, cells, is_number=True) for heading, cells in columns.items()]
    return Table([Column("", [part.finding for part in parts]), *numbers])


def _legend(comparison: "PairwiseComparison") -> Iterator[str]:
    from bench.statistics.spread import SEEDS_ALONE, SEEDS_AND_PATIENTS

    yield f"p over seeds and patients decides, as in claims and tables: {SEEDS_AND_PATIENTS}"
    yield f"t by seed, and sign flips by seed: {SEEDS_ALONE}"
    if comparison.clustered is not None:
        yield (
            "McNemar p: exact, as if all units were independent; clustered (Obuchowski): units of a patient "
            "are not"
        )
    if comparison.by_patient is not None:
        names, p = "interval over patients, McNemar, and flips by patient", "sign flips by patient"
    else:
        names, p = "interval over patients", "other seeds and patients"
    yield f"{names}: these trained models, other patients"
    yield f"by finding: interval over patients; p of {p}; Holm: adjusted over the findings"


def _interval(interval: "Interval") -> str:
    ends = _ends(interval)
    return DASH if ends is None else f"{_signed(ends[0])} to {_signed(ends[1])}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _p(value: float) -> str:
    if math.isnan(value):
        return DASH
    return f"{value:.1e}" if value < 0.0001 else f"{value:.4f}"


def _json(comparison: "PairwiseComparison") -> dict[str, object]:
    clustered, by_seed = comparison.clustered, comparison.by_seed
    seeds = []
    for seed in comparison.seeds:
        seeds.append({"seed": seed.seed, "difference": seed.difference})
        if seed.hits is not None and seed.test is not None:
            hits = {_OUTCOMES[outcome]: number for outcome, number in seed.hits.items()}
            seeds[-1] |= hits | {"p_mcnemar": seed.test.p}
    return {
        "metric": comparison.metric.name,
        "first": _side_json(comparison.first, comparison.averages[0], comparison.only_first),
        "second": _side_json(comparison.second, comparison.averages[1], comparison.only_second),
        "units": comparison.num_units,
        "patients": comparison.over_patients.num_patients,
        "seeds": seeds,
        "difference": {
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
        },
        "findings": [
            {
                "finding": part.finding,
                "units": part.num_units,
                "first": part.first,
                "second": part.second,
                "difference": part.difference,
                "over_patients": _ends(part.interval),
                "p": part.p,
                "p_holm": part.adjusted_p,
            }
            for part in comparison.findings
        ],
    }


def _side_json(side: "ComparedRow", accuracy: float, only: int) -> dict[str, object]:
    return {
        "label": side.label,
        "reference": side.is_reference,
        "seeds": sorted(side.tables),
        "remarks": side.remarks,
        "accuracy": accuracy,
        "only": only,
    }


def _ends(interval: "Interval") -> list[float] | None:
    return None if interval.low is None or interval.high is None else [interval.low, interval.high]


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
