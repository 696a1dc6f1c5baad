"""What happens in a results folder, for a terminal of any width and as JSON."""

import json
import textwrap
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from bench.amounts import duration, size
from bench.execution.progress_table import TrialRow, progress_line, progress_table
from bench.execution.status import FolderStatus, RunningTrial
from bench.results.record import Record
from bench.suite.metrics import PRIMARY, WEIGHTED

_SILENT_S = 60.0
"""A trial that says nothing for so long is told: steps, batches and images of a trial are far quicker."""


_TABLE_WIDTH = 60
"""Narrower terminals have sentences: a table would cut what tells trials apart."""


def to_renderable(status: FolderStatus, width: int) -> RenderableType:
    """Returns what runs, a table for each driver, then what ended and what is free.

    Args:
        status: what to show.
        width: of the terminal, in characters.
    """
    parts: list[RenderableType] = []
    drivers = dict.fromkeys(str(one.driver) for one in status.running)
    for driver in drivers:
        rows = [_row(one) for one in status.running if str(one.driver) == driver]
        parts += [Text(f"{driver}:"), _table(rows, width), Text()]
    if not status.running:
        parts.append(Text("nothing runs"))
    parts += [Text(line, no_wrap=True, overflow="ellipsis") for line in _lines(status)]
    parts += [Text(sentence, overflow="fold") for sentence in status.unreadable]
    parts += map(Text, status.remarks)
    return Group(*parts)


def _table(rows: Sequence[TrialRow], width: int) -> RenderableType:
    if width >= _TABLE_WIDTH:
        return progress_table(rows, width, "")
    lines = [textwrap.fill(progress_line(row), width, subsequent_indent="  ") for row in rows]
    return Text("\n".join(lines))


def _row(one: RunningTrial) -> TrialRow:
    title = one.trial.title(one.trial.label)
    if one.progress is not None and one.silent_s > _SILENT_S:
        return TrialRow(title, f"silent for {duration(one.silent_s)}")
    return TrialRow(title, "starting", one.progress, one.left_s)


def _lines(status: FolderStatus) -> Iterator[str]:
    for record in status.last_ended:
        yield _ended(record, _primary(record, status))
    if status.num_failed:
        yield f"{status.num_finished} finished, {status.num_failed} failed: bench failures says why"
    else:
        yield f"{status.num_finished} finished, none failed"
    yield f"{size(status.free_bytes)} of the disk are free"


def _ended(record: Record, value: float | None) -> str:
    words = f"{record.trial.id}: {record.status}"
    if record.outcome is None:
        return f"{words}: {record.reason}"
    words += f" in {duration(record.outcome.duration_s)}"
    return words if value is None else f"{words}, {PRIMARY.phrase} {value:.3f}"


def _primary(record: Record, status: FolderStatus) -> float | None:
    return status.metrics[record.trial.id].get(PRIMARY.key(WEIGHTED))


def to_json(status: FolderStatus) -> str:
    """Returns the status as a JSON document; see `bench status --help`."""
    document = {
        "running": [_running_entry(one) for one in status.running],
        "last_ended": [
            {
                "id": record.trial.id,
                "model": record.trial.label,
                "status": record.status,
                "ended_at": record.ended_at,
                PRIMARY.name: _primary(record, status),
                "reason": record.reason or None,
            }
            for record in status.last_ended
        ],
        "num_finished": status.num_finished,
        "num_failed": status.num_failed,
        "unreadable": list(status.unreadable),
        "free_bytes": status.free_bytes,
        "remarks": status.remarks,
    }
    return json.dumps(document, indent=2)


def _running_entry(one: RunningTrial) -> dict[str, object]:
    shown = ("phase", "fraction", "step", "num_steps", "loss", "learning_rate", "images_per_s")
    progress = {name: getattr(one.progress, name) if one.progress else None for name in shown}
    times = {"silent_s": one.silent_s if one.progress else None, "left_s": one.left_s}
    return {"id": one.trial.id, "model": one.trial.label, "driver": str(one.driver), **progress, **times}
