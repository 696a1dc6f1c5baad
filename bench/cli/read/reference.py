"""List, show, add or report reference runs: results of others that suites show.

Suites show them below their own models if they name them under their key references; `bench compare` compares
with them.
"""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bench.amounts import count
from bench.cli import arguments as shared
from bench.cli.render import DASH, Column, Sentence, Table, note, show, show_json
from bench.errors import SuiteError
from bench.suite.metrics import MACRO, WEIGHTED

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bench.reporting.references import Reference
    from bench.results.references import ReferenceRecord

EXAMPLES = """\
examples:
  bench reference list
  bench reference show authors_pylon_nih256
"""

_ADD = """\
Add a reference run: score heatmaps that were made elsewhere, and keep the result.

The maps are one array [n, h, w] in a file of numpy (.npz or .npy), one map for each unit. --units is a CSV
with a row for each in the same order: columns image, finding (or class, cls), and patient if known; for NIH
an image's name begins with its patient. --boxes is a CSV of boxes: for NIH the official one, else columns
image, finding, x, y, width, height. Peaks are looked for in a square of --grid px, as in trials. The maps are
kept, so that bench rescore scores them by another protocol.
"""
_ADD_EXAMPLES = """\
examples:
  bench reference add mine --maps maps.npz --units units.csv --boxes BBox_List_2017.csv --resolution 256
  bench reference add theirs --maps maps.npy --units units.csv --boxes BBox_List_2017.csv --resolution 256 \\
    --grid 1024 --title "PYLON (their maps)" --source "their repository"
"""

_REPORT = """\
Write the tables of a reference run below --reports-dir: its maps by every metric, beside controls that see
no image; what tuning thresholds on these units would have added; and all metrics by finding. --check computes
them again and exits with 1 if a byte differs.
"""

EXIT_DIFFERS = 1

_FRAME_PX = {"nih": 1024}
"""Side of the frame that a data set's boxes are in, px."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True, title="what to do")
    every = what.add_parser("list", help="list all references", description="List all references.")
    one = what.add_parser(
        "show", help="show one of them", description="Show a reference: its source, protocol, metrics."
    )
    one.add_argument("name", metavar="NAME", help="a reference of `bench reference list`")
    for subverb in (every, one):
        shared.add_results_dir(subverb)
        shared.add_json(subverb)
    report = what.add_parser(
        "report",
        help="write its tables",
        description=_REPORT,
        epilog="example:\n  bench reference report mine --reports-dir reports\n",
        formatter_class=shared.HelpFormatter,
    )
    report.add_argument("name", metavar="NAME", help="a reference that `bench reference add` made")
    shared.add_results_dir(report)
    shared.add_reports_dir(report)
    report.add_argument(
        "--check", action="store_true", help="write nothing; say how the existing report differs"
    )
    add = what.add_parser(
        "add",
        help="score heatmaps that were made elsewhere",
        description=_ADD,
        epilog=_ADD_EXAMPLES,
        formatter_class=shared.HelpFormatter,
    )
    add.add_argument("name", metavar="NAME", help="name of the reference in suites")
    for option, text in (
        ("maps", "heatmaps, one for each unit"),
        ("units", "CSV of units, in the order of the maps"),
        ("boxes", "CSV of boxes"),
    ):
        add.add_argument(f"--{option}", type=shared.path, required=True, metavar="FILE", help=text)
    add.add_argument(
        "--resolution",
        type=int,
        required=True,
        metavar="PX",
        help="side of the network's input; the reference stands in tables of this resolution",
    )
    add.add_argument(
        "--grid",
        type=int,
        metavar="PX",
        help="side of the square in which peaks are looked for (default: --resolution)",
    )
    add.add_argument("--dataset", default="nih", metavar="NAME", help="data set, as in suites (default: nih)")
    add.add_argument(
        "--frame",
        type=int,
        metavar="PX",
        help="side of the square that boxes refer to (default: 1024 for nih)",
    )
    add.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the run (default: 0)")
    add.add_argument("--logits", action="store_true", help="the maps are logits, not probabilities")
    add.add_argument("--title", metavar="TEXT", help="label of its rows (default: NAME)")
    add.add_argument("--source", metavar="TEXT", help="origin of the maps (default: the file's name)")
    shared.add_results_dir(add)


def execute(arguments: argparse.Namespace) -> int:
    """Lists, shows, adds or reports."""
    if arguments.what == "add":
        return _add(arguments)
    if arguments.what == "report":
        return _report(arguments)

    from bench.reporting.references import known_references, load_readable, load_reference

    results_dir = shared.open_store(arguments).root
    if arguments.what == "show":
        references = [load_reference(arguments.name, results_dir)]
    else:
        references, problems = load_readable(known_references(results_dir), results_dir)
        note(*problems)
    if arguments.json:
        show_json({"references": [_json(reference) for reference in references]})
    elif arguments.what == "show":
        show(*_parts(references[0]))
    else:
        for reference in references:
            built_in = ", built in" if reference.is_built_in else ""
            show(f"{reference.record.name}  {reference.record.title}{built_in}")
            show(Sentence(_facts(reference), indent=2))
    return 0


def _json(reference: "Reference") -> dict[str, object]:
    """Returns the record, with "built_in", "maps" (whether they are kept), "units" (how many) and "files"."""
    return reference.record.model_dump(mode="json") | {
        "built_in": reference.is_built_in,
        "maps": reference.has_maps,
        "units": None if reference.units is None else len(reference.units),
        "files": dict(reference.digests),
    }


def _parts(reference: "Reference") -> "Iterator[RenderableType]":
    """Yields everything that is known of the reference; metrics as mean ± half-width over seeds."""
    record = reference.record
    yield f"{record.name}: {record.title}"
    yield _facts(reference)
    yield ""
    yield f"source: {record.source}"
    yield f"differs: {record.differs}"
    if record.units_differ:
        yield f"units: {record.units_differ}"
    yield from (f"note: {sentence}" for sentence in record.notes)
    yield from (f"made from: {name} {digest}" for name, digest in record.inputs.items())
    keys = dict.fromkeys(key for seed in record.seeds for key in seed.metrics)
    metrics = list(dict.fromkeys(key.partition("/")[0] for key in keys))
    found = dict.fromkeys(key.partition("/")[2] for key in keys)
    rows: list[str] = [name for name in (WEIGHTED, MACRO) if name in found]
    rows += [name for name in found if name not in rows]
    columns = [
        Column(metric, [_mean(reference, f"{metric}/{row}") for row in rows], is_number=True)
        for metric in metrics
    ]
    yield ""
    yield Table([Column("", rows), *columns])


def _facts(reference: "Reference") -> str:
    record, units = reference.record, "no single units"
    if reference.units is not None:
        hits = int(reference.units["hit"].sum())
        units = f"{len(reference.units)} units of seed {record.units_seed} on {record.grid_px} px, {hits} hit"
        units += ", with maps" if reference.has_maps else ""
    return f"{record.dataset}, {record.resolution} px, {count(len(record.seeds), 'seed')}; {units}"


def _mean(reference: "Reference", key: str) -> str:
    from bench.reporting.tables.table import format_number

    interval = reference.mean(key)
    if interval is None:
        return DASH
    half_width = "" if interval.half_width is None else f" ± {format_number(interval.half_width)}"
    return f"{format_number(interval.mean)}{half_width}"


def _report(arguments: argparse.Namespace) -> int:
    """Writes the report and prints it; or checks it, 1 if a file differs."""
    from bench.reporting.build import write_report
    from bench.reporting.check import check_report
    from bench.reporting.reference_report import render_reference
    from bench.reporting.references import load_reference
    from bench.results.references import reference_folder
    from bench.results.units import read_table

    results_dir = shared.open_store(arguments).root
    reference = load_reference(arguments.name, results_dir)
    if reference.is_built_in:
        raise SuiteError("comes with bench, without maps and boxes to report on", place=arguments.name)
    boxes = read_table(reference_folder(results_dir, arguments.name).boxes)
    report = render_reference(reference, boxes)
    folder = arguments.reports_dir / report.name
    if not arguments.check:
        write_report(report, arguments.reports_dir)
        print(report.page)
        note(f"tables: {folder}")
        return 0
    differences = check_report(report, arguments.reports_dir)
    show(*(differences or [f"{folder}: every byte agrees with the reference"]))
    return EXIT_DIFFERS if differences else 0


def _add(arguments: argparse.Namespace) -> int:
    """Scores, writes, and shows the reference."""
    from bench.evaluation.reference_maps import MapFiles, add_reference
    from bench.reporting.references import BUILT_IN, load_reference
    from bench.results.references import reference_folder

    record = _record(arguments)
    results_dir = shared.open_store(arguments).root
    folder = reference_folder(results_dir, record.name)
    if record.name in BUILT_IN:
        raise SuiteError(f"{record.name}: comes with bench; give the reference another name")
    if folder.record.exists():
        raise SuiteError(f"{folder.path}: exists already; move it away or give another name")
    frame_px = arguments.frame or _FRAME_PX.get(record.dataset)
    if frame_px is None:
        raise SuiteError(f"--dataset {record.dataset}: say in which square its boxes are with --frame PX")
    files = MapFiles(arguments.maps, arguments.units, arguments.boxes)
    add_reference(folder, record, files, frame_px)
    show(*_parts(load_reference(record.name, results_dir)))
    note(f"reference: {folder.path}; a suite shows it by references: [{record.name}]")
    return 0


def _record(arguments: argparse.Namespace) -> "ReferenceRecord":
    """Returns the record of the reference that the arguments describe, without metrics."""
    from pydantic import ValidationError

    from bench.results.references import ReferenceRecord, SeedMetrics
    from bench.suite.dataset_specs import DATASET_SPECS

    if arguments.dataset not in DATASET_SPECS:
        raise SuiteError(
            "unknown data set",
            place=f"--dataset {arguments.dataset!r}",
            value=arguments.dataset,
            allowed=DATASET_SPECS,
        )
    grid_px = arguments.grid or arguments.resolution
    grid = "the input's" if grid_px == arguments.resolution else f"a {grid_px} px"
    try:
        return ReferenceRecord(
            name=arguments.name,
            title=arguments.title or arguments.name,
            source=arguments.source or arguments.maps.name,
            differs=f"its maps were made elsewhere, and their peaks are those of {grid} grid",
            dataset=arguments.dataset,
            resolution=arguments.resolution,
            grid_px=grid_px,
            are_logits=arguments.logits,
            seeds=(SeedMetrics(seed=arguments.seed, metrics={}),),
            units_seed=arguments.seed,
        )
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        raise SuiteError(f"{detail['loc'][0]} {detail['input']!r}: {detail['msg']}") from None
