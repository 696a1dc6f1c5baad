"""Add a reference run: score heatmaps that were made elsewhere, and keep what comes out.

The maps are one array [n, h, w] in a file of numpy (.npz or .npy), of each unit one. --units is a CSV with a
row for each in the same order: columns image, finding (or class, cls), and patient if there are such; of NIH
a patient is what an image's name begins with. --boxes is a CSV of boxes: for NIH the official one, else
columns image, finding, x, y, width, height. Peaks are looked for in a square of --grid px, as in trials.
"""

import argparse
import sys
from typing import TYPE_CHECKING

from bench.cli import arguments as shared

if TYPE_CHECKING:
    from bench.results.references import ReferenceRecord

EXAMPLES = """\
examples:
  bench reference add mine --maps maps.npz --units units.csv --boxes BBox_List_2017.csv --resolution 256
  bench reference add theirs --maps maps.npy --units units.csv --boxes BBox_List_2017.csv --resolution 256 \\
    --grid 1024 --title "PYLON (their maps)" --source "their repository"
"""

FRAME_PX = {"nih": 1024}
"""Side of the frame that a data set's boxes are in, px."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subverb's arguments."""
    parser.add_argument("name", metavar="NAME", help="by which suites will call it")
    for option, text in (
        ("maps", "heatmaps, one for each unit"),
        ("units", "CSV of units, in the order of the maps"),
        ("boxes", "CSV of boxes"),
    ):
        parser.add_argument(f"--{option}", type=shared.path, required=True, metavar="FILE", help=text)
    parser.add_argument(
        "--resolution",
        type=int,
        required=True,
        metavar="PX",
        help="side of the network's input: the tables that the reference belongs to",
    )
    parser.add_argument(
        "--grid", type=int, metavar="PX", help="side of the square that is scored in (default: --resolution)"
    )
    parser.add_argument("--dataset", default="nih", metavar="NAME", help="as suites call it (default: nih)")
    parser.add_argument(
        "--frame", type=int, metavar="PX", help="side of the square that boxes are in (default: 1024 for nih)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the run (default: 0)")
    parser.add_argument("--logits", action="store_true", help="the maps are logits, not probabilities")
    parser.add_argument("--title", metavar="TEXT", help="what its rows are called (default: NAME)")
    parser.add_argument("--source", metavar="TEXT", help="where the maps are from (default: the file's name)")
    shared.add_results_dir(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Scores, writes, and says what came out."""
    from bench.cli.reference_listing import to_sheet
    from bench.errors import SuiteError
    from bench.evaluation.reference_maps import MapFiles, add_reference
    from bench.reporting.references import BUILT_IN, load_reference
    from bench.results.references import reference_folder

    record = _record(arguments)
    results_dir = shared.open_store(arguments).root
    folder = reference_folder(results_dir, record.name)
    if record.name in BUILT_IN:
        raise SuiteError(f"{record.name}: comes with bench; give the reference another name")
    if folder.record.exists():
        raise SuiteError(f"{folder.path}: is there already; move it away or give another name")
    frame_px = arguments.frame or FRAME_PX.get(record.dataset)
    if frame_px is None:
        raise SuiteError(f"--dataset {record.dataset}: say in which square its boxes are with --frame PX")
    files = MapFiles(arguments.maps, arguments.units, arguments.boxes)
    add_reference(folder, record, files, frame_px, are_probabilities=not arguments.logits)
    print(to_sheet(load_reference(record.name, results_dir), shared.terminal_width()))
    print(f"reference: {folder.path}; a suite shows it by references: [{record.name}]", file=sys.stderr)
    return 0


def _record(arguments: argparse.Namespace) -> "ReferenceRecord":
    """Returns what the arguments say of the reference."""
    from pydantic import ValidationError

    from bench.errors import SuiteError, listing, nearest
    from bench.results.references import ReferenceRecord, SeedMetrics
    from bench.suite.schema import DATASET_SPECS

    if arguments.dataset not in DATASET_SPECS:
        hint = nearest(arguments.dataset, DATASET_SPECS)
        raise SuiteError(f"--dataset {arguments.dataset!r}: unknown; allowed: {listing(DATASET_SPECS)}{hint}")
    grid_px = arguments.grid or arguments.resolution
    where = "the input's" if grid_px == arguments.resolution else f"a {grid_px} px"
    try:
        return ReferenceRecord(
            name=arguments.name,
            title=arguments.title or arguments.name,
            source=arguments.source or arguments.maps.name,
            differs=f"its maps were made elsewhere, and their peaks are those of {where} grid",
            dataset=arguments.dataset,
            resolution=arguments.resolution,
            grid_px=grid_px,
            seeds=(SeedMetrics(seed=arguments.seed, metrics={}),),
            units_seed=arguments.seed,
        )
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        raise SuiteError(f"{detail['loc'][0]} {detail['input']!r}: {detail['msg']}") from None
