"""How much of a GPU each model may use: waits of the host, operators, bytes, as they are on a pretended one.

    python tests/support/cuda_budgets.py     writes the budgets anew, and the table of docs/gpu.md

The budgets are in ``tests/golden/cuda_budgets.csv``; their difference is read like code.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from cuda_guard import compile_guard, why_not

from bench.suite.catalog import MODELS

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "cuda_budgets.csv"
PAGE = ROOT / "docs" / "gpu.md"
TABLE = "<!-- table of tests/golden/cuda_budgets.csv -->\n", "<!-- /table -->\n"

WORKS = {256: ("step", "streamed_step", "scoring", "grad_cam"), 512: ("step", "scoring")}
"""What is traced at which size, px; see `cuda_trace`."""
TOLERANCE = 0.05
"""Share by which operators and bytes may differ from their budget."""

Trace = dict[str, Any]


@dataclass(frozen=True)
class Budget:
    """What a work of a model asks of the device.

    Attributes:
        model: a name of the catalog.
        size_px: side of the images.
        work: step, streamed_step, scoring or grad_cam.
        waits: how often the host waits.
        operators: that launch something.
        megabytes: that these read and write.
    """

    model: str
    size_px: int
    work: str
    waits: int
    operators: int
    megabytes: int

    @classmethod
    def of(cls, trace: Trace) -> "Budget":
        """Returns what a trace used."""
        waits, operators = (sum(trace[name].values()) for name in ("waits", "operators"))
        megabytes = round(trace["num_bytes"] / 1e6)
        return cls(trace["model"], trace["size_px"], trace["work"], waits, operators, megabytes)

    @property
    def key(self) -> tuple[str, int, str]:
        """Which it is of."""
        return self.model, self.size_px, self.work

    def exceeded_by(self, used: "Budget") -> list[str]:
        """Returns a sentence for each number that is not what it should be."""
        told = []
        for name in ("waits", "operators", "megabytes"):
            allowed, found = getattr(self, name), getattr(used, name)
            margin = 0 if name == "waits" else TOLERANCE * allowed
            if abs(found - allowed) > margin:
                change = "grew" if found > allowed else "shrank, so that the budget is stale"
                told.append(f"{name} {change}: {allowed} before, {found} now")
        return told


def traced(guard: Path, model: str, sizes_px: Iterable[int]) -> list[Trace]:
    """Returns the traces of a model, made by a process of their own."""
    works = [f"{size_px}:{work}" for size_px in sizes_px for work in WORKS[size_px]]
    script = Path(__file__).with_name("cuda_trace.py")
    done = subprocess.run(
        [sys.executable, str(script), str(guard), model, *works],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def read_budgets() -> dict[tuple[str, int, str], Budget]:
    """Returns the budgets by `Budget.key`."""
    with GOLDEN.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    kinds = {field.name: field.type for field in fields(Budget)}
    budgets = (Budget(**{name: kinds[name](value) for name, value in row.items()}) for row in rows)
    return {budget.key: budget for budget in budgets}


def table(budgets: Iterable[Budget]) -> str:
    """Returns the budgets of steps and scoring as the page shows them."""
    lines = [
        "| model | px | waits | operators | GB | waits in scoring |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    return "\n".join([*lines, *_rows({budget.key: budget for budget in budgets})]) + "\n"


def _rows(budgets: dict[tuple[str, int, str], Budget]) -> Iterator[str]:
    for model, size_px, work in budgets:
        if work == "step":
            step, scoring = budgets[model, size_px, "step"], budgets[model, size_px, "scoring"]
            numbers = f"{step.waits} | {step.operators} | {step.megabytes / 1e3:.0f} | {scoring.waits}"
            yield f"| {MODELS[model].label} | {size_px} | {numbers} |"


def parts_of_page() -> tuple[str, str, str]:
    """Returns the page up to its table, the table, and the rest."""
    page = PAGE.read_text(encoding="utf-8")
    begin, end = page.index(TABLE[0]) + len(TABLE[0]), page.index(TABLE[1])
    return page[:begin], page[begin:end], page[end:]


def main() -> None:
    """Traces every model, and writes budgets and page."""
    reason = why_not()
    if reason is not None:
        sys.exit(reason)
    with tempfile.TemporaryDirectory() as folder:
        guard = compile_guard(Path(folder))
        budgets = [Budget.of(trace) for model in MODELS for trace in traced(guard, model, WORKS)]
    with GOLDEN.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(field.name for field in fields(Budget))
        writer.writerows(map(astuple, budgets))
    before, _, after = parts_of_page()
    PAGE.write_text(before + table(budgets) + after, encoding="utf-8")


if __name__ == "__main__":
    main()
