"""Show what a trained model sees in images: probabilities, heatmaps.

TRIAL is a finished trial's id, the beginning of one, or the path of its folder; `bench plan` lists ids.
Images are PNG, JPEG or DICOM of any size, decoded and normalised as the trial's were. An image that cannot be
read is named and left out, and the exit code is then 2.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cli import arguments as shared
from bench.cli.render import DASH, Column, Table, note, show, show_json
from bench.errors import BenchError, DataError, listing
from bench.results.files import require_writable

if TYPE_CHECKING:
    import torch

EXAMPLES = """\
examples:
  bench predict pylon-nih-256px-s0 chest.png lateral.dcm
  bench predict pylon-nih-256px-s0 ward/*.jpg --finding Mass --finding Nodule -o ward-heatmaps
"""

NUM_SHOWN = 3
"""Findings that are shown and drawn for each image, unless --finding names others."""

_TABLE = "predictions.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("trial", metavar="TRIAL", help="a finished trial")
    parser.add_argument("images", nargs="+", type=shared.path, metavar="IMAGE", help="a radiograph")
    shared.add_results_dir(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=shared.path,
        metavar="DIR",
        help="where predictions.csv, overlays and maps are written (default: predictions/<trial id>)",
    )
    parser.add_argument(
        "--finding",
        action="append",
        metavar="NAME",
        dest="findings",
        help=f"show and draw this one; repeatable (default: the {NUM_SHOWN} most probable of each image)",
    )
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), help="where the model runs (default: a GPU where there is one)"
    )
    shared.add_json(parser, "print JSON, with every finding, not a table")


def execute(arguments: argparse.Namespace) -> int:
    """Predicts, writes and prints; 2 if an image could not be read."""
    from bench.results.store import find_trial

    folder = find_trial(shared.open_store(arguments), arguments.trial)
    device = _device(arguments.device)

    from bench.api.drawing import write_prediction
    from bench.evaluation.predict import predict_files
    from bench.execution.prepare import load_trained
    from bench.results.predictions import COLUMNS, distinct_names, most_probable, write_predictions

    trained = load_trained(folder, device)
    chosen = _chosen_findings(arguments.findings, trained.findings)
    paths = list(dict.fromkeys(arguments.images))
    target = arguments.output or Path("predictions") / trained.trial.id
    require_writable(target, "--output")
    images: list[dict[str, Any]] = []
    unreadable: list[dict[str, str]] = []
    names = distinct_names([path.stem for path in paths])
    results = predict_files(trained.model, trained.trial, paths, device)
    for path, name, result in zip(paths, names, results, strict=True):
        if isinstance(result, DataError):
            note(str(result))
            unreadable.append({"image": str(path), "reason": str(result)})
            continue
        image, gray = result
        shown = most_probable(image.prediction, NUM_SHOWN) if chosen is None else chosen
        images.append(write_prediction(target, name, image, gray, trained.trial, trained.findings, shown))
        if not arguments.json:
            show(_table(images, shown, max(len(str(one)) for one in paths), max(map(len, trained.findings))))
    rows = [
        {column: (one | finding)[column] for column in COLUMNS}
        for one in images
        for finding in one["findings"]
    ]
    if rows:
        write_predictions(target / _TABLE, rows)
    if arguments.json:
        show_json({"trial": trained.trial.id, "images": images, "unreadable": unreadable})
    left_out = f", {len(unreadable)} could not be read" if unreadable else ""
    where = f"; overlays, maps and {_TABLE}: {target}" if rows else ""
    note(f"{len(images)} images predicted{left_out}{where}")
    return 2 if unreadable else 0


def _device(name: str | None) -> "torch.device":
    import torch

    from bench.execution.usable_gpus import num_usable_gpus

    if name is None:
        name = "cuda" if num_usable_gpus() else "cpu"
    elif name == "cuda" and not num_usable_gpus():
        raise BenchError("there is no GPU here; --device cpu goes without", place="--device", value=name)
    return torch.device(name)


def _chosen_findings(names: Sequence[str] | None, findings: Sequence[str]) -> list[int] | None:
    """Returns the indices of the findings that --finding names, each once; None if it names none.

    Raises:
        DataError: the trial has no such finding.
    """
    from bench.data.sources.tables import finding_names

    if names is None:
        return None
    known = finding_names(findings)
    indices = []
    for name in names:
        finding = known.find(name)
        if finding is None:
            raise DataError(f"--finding {name}: the trial knows {listing(findings)}{known.hint(name)}")
        indices.append(findings.index(finding))
    return list(dict.fromkeys(indices))


def _table(images: Sequence[Mapping[str, Any]], shown: Sequence[int], image_width: int, width: int) -> Table:
    """Returns the rows of the last image, below a heading if it is the first.

    Args:
        images: as `write_prediction` returns them.
        shown: indices of the findings.
        image_width: characters of the longest name of an image.
        width: characters of the longest name of a finding.
    """
    found = [images[-1]["findings"][index] for index in shown]
    findings = [one["finding"] for one in found]
    numbers = {"probability": ("probability", 4), "peak x": ("peak_x", 0), "peak y": ("peak_y", 0)}
    columns = [
        Column(
            heading, [_number(one[key], decimals) for one in found], is_number=True, least_width=len(heading)
        )
        for heading, (key, decimals) in numbers.items()
    ]
    names = Column("image", [images[-1]["image"]] * len(found), least_width=image_width)
    keys = [names, Column("finding", findings, least_width=width)]
    return Table([*keys, *columns], num_keys=2, has_heading=len(images) == 1)


def _number(value: float | None, decimals: int) -> str:
    return DASH if value is None else f"{value:.{decimals}f}"
