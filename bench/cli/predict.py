"""Say what a trained model sees in images: probabilities, and heatmaps over the radiographs.

TRIAL is a finished trial's id, the beginning of one, or the path of its folder; `bench plan` lists ids.
Images are PNG, JPEG or DICOM of any size, decoded and normalised as the trial's were. An image that cannot be
read is told and left out, and the exit code is then 2.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import arguments as shared

if TYPE_CHECKING:
    import torch

EXAMPLES = """\
examples:
  bench predict pylon-nih-256px-s0 chest.png lateral.dcm
  bench predict pylon-nih-256px-s0 ward/*.jpg --finding Mass --finding Nodule -o ward-heatmaps
"""

NUM_SHOWN = 3
"""Findings of each image that are shown and drawn unless asked for others."""


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
    parser.add_argument("--json", action="store_true", help="print JSON, with every finding, not a table")


def execute(arguments: argparse.Namespace) -> int:
    """Predicts, writes and prints; 2 if an image could not be read."""
    from bench.errors import DataError
    from bench.results.store import find_trial

    folder = find_trial(shared.open_store(arguments), arguments.trial)
    device = _device(arguments.device)

    from bench.cli.prediction_output import PredictionOutput, chosen_findings
    from bench.evaluation.predict import predict_files
    from bench.execution.prepare import load_trained

    trained = load_trained(folder, device)
    paths = list(dict.fromkeys(arguments.images))
    chosen = chosen_findings(arguments.findings, trained.findings)
    target = arguments.output or Path("predictions") / trained.trial.id
    output = PredictionOutput(target, trained.trial, trained.findings, chosen, NUM_SHOWN, paths)
    results = predict_files(trained.model, trained.trial, paths, device)
    for name, path, result in zip(output.names, paths, results, strict=True):
        if isinstance(result, DataError):
            print(result, file=sys.stderr)
            output.leave_out(path, result)
            continue
        lines = output.add(name, *result)
        if not arguments.json:
            print("\n".join(lines), flush=True)
    output.write_table()
    if arguments.json:
        print(output.to_json())
    print(output.summary(), file=sys.stderr)
    return 2 if output.left_out else 0


def _device(name: str | None) -> "torch.device":
    import torch

    from bench.errors import BenchError

    has_gpu = torch.cuda.is_available()
    if name == "cuda" and not has_gpu:
        raise BenchError("--device cuda: torch finds no GPU here; --device cpu goes without")
    return torch.device(name or ("cuda" if has_gpu else "cpu"))
