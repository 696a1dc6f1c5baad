"""What ten minutes with a GPU have to tell: does it train as it should, to the same bits, and how fast?

    PYTHONPATH=. python benchmarks/gpu_acceptance.py                       the most valuable answers first
    PYTHONPATH=. python benchmarks/gpu_acceptance.py --only smoke speed    some sections
    PYTHONPATH=. python benchmarks/gpu_acceptance.py --device cpu --tiny   a rehearsal without a GPU

To be run in a checkout, with no data: pixels are noise or phantoms. It needs torch, torchvision, timm,
segmentation-models-pytorch, pydantic, pandas, scipy, psutil, nvidia-ml-py, pyarrow, PyYAML and safetensors;
OpenCV for the sections authors and whole_trial; neither Ray nor MLflow.

A line PASS, FAIL or INFO comes with each answer, a table of goals at the end; acceptance.json in the folder
--out has all of it at any moment. A section that fails does not stop the next; none begins when the budget is
spent, so that all is over within ten minutes.
"""

import argparse
import os
import sys
import traceback
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from acceptance_numbers import equality, memory, resume, smoke, whole_trial
from acceptance_report import Goal, Report
from acceptance_run import Run, Section
from acceptance_speed import GOALS, authors, compiled, feed, scoring, sharing, speed, waits
from timing import processor

from bench.planning.machine import this_machine

PACKAGES = (
    "torch",
    "torchvision",
    "segmentation-models-pytorch",
    "timm",
    "pydantic",
    "numpy",
    "ray",
    "mlflow",
)


def environment(run: Run) -> None:
    """What is there; and whether the driver's name for the GPU, by which plans look up speeds, is torch's."""
    run.report.info("python", version=sys.version.split()[0], processor=processor(), cores=os.cpu_count())
    run.report.info("packages", **{name: _version(name) for name in PACKAGES})
    if not run.is_cuda:
        return
    free, total = torch.cuda.mem_get_info(run.device)
    run.report.info(
        "device",
        name=torch.cuda.get_device_name(run.device),
        capability=torch.cuda.get_device_capability(run.device),
        cuda=torch.version.cuda,
        cudnn=torch.backends.cudnn.version(),
        free_gib=free / 2**30,
        total_gib=total / 2**30,
    )
    machine, name = this_machine(), torch.cuda.get_device_name(run.device)
    run.report.check("environment: one name", machine.device == name, driver=machine.device, torch=name)
    numbers = machine.num_gpus, torch.cuda.device_count()
    run.report.check(
        "environment: one number of GPUs", numbers[0] == numbers[1], driver=numbers[0], torch=numbers[1]
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


SECTIONS: tuple[Section, ...] = (
    *(environment, smoke, speed, waits, equality, resume, memory),
    *(sharing, authors, whole_trial, scoring, feed, compiled),
)


def main() -> int:
    """Runs the sections; returns 1 if anything failed."""
    names = [section.__name__ for section in SECTIONS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1 or cpu")
    parser.add_argument(
        "--only", nargs="+", choices=names, default=names, metavar="SECTION", help=", ".join(names)
    )
    parser.add_argument(
        "--budget", type=float, default=480.0, metavar="S", help="time after which nothing begins"
    )
    parser.add_argument(
        "--tiny", action="store_true", help="a rehearsal: small networks, few steps, no goals"
    )
    parser.add_argument(
        "--out", type=Path, default=Path(os.environ.get("OUT", ".")), help="folder of acceptance.json"
    )
    given = parser.parse_args()
    goals = {name: Goal(name, least) for name, least in GOALS.items()}
    report = Report(given.out / "acceptance.json", goals)
    run = Run(torch.device(given.device), given.tiny, report, given.budget)
    torch.set_num_threads(1)
    for section in SECTIONS:
        if section.__name__ in given.only:
            _attempt(section, run)
    report.conclude()
    return int(report.num_failed > 0)


def _attempt(section: Section, run: Run) -> None:
    name = section.__name__.replace("_", " ")
    if not run.has_time:
        run.report.say("FAIL", f"{name}: no time was left")
        return
    print(f"--- {name}: {section.__doc__}", flush=True)
    with run.report.surviving(name), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*deterministic")
        try:
            section(run)
        except Exception:
            traceback.print_exc()
            raise
    run.clean()


if __name__ == "__main__":
    sys.exit(main())
