"""A cell with what stands behind it, as text for a terminal and as JSON."""

import json
from collections.abc import Iterator
from dataclasses import asdict

from bench.cli.columns import wrap
from bench.reporting.cell_lineage import CellLineage
from bench.reporting.tables.table import DASH


def to_json(cell: CellLineage) -> str:
    """Returns the fields of `CellLineage`, with "agrees" of the cell and of each trial; unknown is null."""
    document = asdict(cell) | {
        "trials": [asdict(trial) | {"agrees": trial.agrees} for trial in cell.trials],
        "agrees": cell.agrees,
    }
    return json.dumps(document, indent=2)


def to_text(cell: CellLineage, width: int) -> str:
    """Returns the cell, a line for each trial behind it, and what their records say."""
    lines = wrap(f"{cell.table}: {cell.row}, {cell.column}", width)
    ends = "" if cell.low is None else f" [{_number(cell.low)}, {_number(cell.high)}]"
    lines += wrap(f"{_value(cell.mean, cell.half_width)}{ends}  (n = {cell.n}{_expected(cell)})", width)
    if cell.trials:
        lines += ["", *_trials(cell), ""]
    lines += [line for sentence in _verdict(cell) for line in wrap(sentence, width)]
    return "\n".join(lines)


def _expected(cell: CellLineage) -> str:
    return f" of {cell.expected} that the suite asks for" if cell.n < cell.expected else ""


def _trials(cell: CellLineage) -> Iterator[str]:
    size = max(len(trial.trial_id) for trial in cell.trials)
    for trial in cell.trials:
        mark = "" if trial.agrees else f"  units give {_number(trial.from_units)}"
        yield f"{trial.trial_id:<{size}}  {trial.state:<8}  {_number(trial.value):>8}{mark}"


def _verdict(cell: CellLineage) -> Iterator[str]:
    if not cell.trials:
        yield (
            "no trial of the row was finished" if cell.is_ours else f"{cell.kind}: no trial stands behind it"
        )
    elif not cell.is_recorded:
        yield "computed from the units of these trials together: no record has it to compare with"
    elif cell.again is None:
        missing = sum(trial.value is None for trial in cell.trials)
        yield f"cannot be computed again: {missing} of {len(cell.trials)} trials have no such value here"
    elif cell.agrees:
        yield "the records of these trials give the same value again"
    else:
        again = _value(cell.again.mean, cell.again.half_width)
        yield f"the records of these trials give another value: {again} (n = {cell.again.n})"
    if any(trial.from_units is not None for trial in cell.trials):
        if all(trial.agrees for trial in cell.trials):
            yield "their tables of units give the same as their records"
        else:
            yield "their tables of units contradict their records"

    yield from cell.differences


def _value(mean: float | None, half_width: float | None) -> str:
    return _number(mean) + (f" ± {_number(half_width)}" if half_width is not None else "")


def _number(value: float | None) -> str:
    return DASH if value is None else f"{value:.6f}"
