"""Reference runs as text for a terminal, and as JSON."""

import json
from collections.abc import Sequence

from bench.cli.columns import Group, flow, wrap
from bench.reporting.references import Reference
from bench.reporting.tables.table import DASH, format_number
from bench.statistics.student import mean_interval
from bench.suite.metrics import MACRO, WEIGHTED

_HEADINGS: dict[str, str] = {WEIGHTED: "weighted", MACRO: "macro"}


def to_json(references: Sequence[Reference]) -> str:
    """Returns {"references": […]}: of each its record, "built_in", "units" (their number) and "files"."""
    entries = [
        reference.record.model_dump(mode="json")
        | {
            "built_in": reference.is_built_in,
            "units": None if reference.units is None else len(reference.units),
            "files": dict(reference.digests),
        }
        for reference in references
    ]
    return json.dumps({"references": entries}, indent=2)


def to_table(references: Sequence[Reference], width: int) -> str:
    """Returns a paragraph for each reference."""
    lines: list[str] = []
    for reference in references:
        record = reference.record
        built_in = ", built in" if reference.is_built_in else ""
        lines += [
            f"{record.name}  {record.title}{built_in}",
            *(f"  {line}" for line in _facts(reference, width)),
        ]
    return "\n".join(lines)


def to_sheet(reference: Reference, width: int) -> str:
    """Returns everything that is known of the reference; metrics as mean ± half-width over seeds."""
    record = reference.record
    lines = [f"{record.name}: {record.title}", *_facts(reference, width), ""]
    for label, text in (
        ("source", record.source),
        ("differs", record.differs),
        *([("units", record.units_differ)] if record.units_differ else []),
        *(("note", note) for note in record.notes),
        *(("made from", f"{name} {digest}") for name, digest in record.inputs.items()),
    ):
        lines += wrap(f"{label}: {text}", width)
    lines.append("")
    keys = list(dict.fromkeys(key for seed in record.seeds for key in seed.metrics))
    metrics = list(dict.fromkeys(key.partition("/")[0] for key in keys))
    columns = list(dict.fromkeys(key.partition("/")[2] for key in keys))
    ordered = [*(c for c in (WEIGHTED, MACRO) if c in columns), *(c for c in columns if c not in _HEADINGS)]
    groups = [
        Group("", ((metric, *(_value(reference, f"{metric}/{column}") for column in ordered)),))
        for metric in metrics
    ]
    return "\n".join([*lines, *flow([_HEADINGS.get(c, c) for c in ordered], groups, width)]).rstrip()


def _facts(reference: Reference, width: int) -> list[str]:
    record = reference.record
    units = "no single units"
    if reference.units is not None:
        hits = int(reference.units["hit"].sum())
        units = f"{len(reference.units)} units of seed {record.units_seed} on {record.grid_px} px, {hits} hit"
    seeds = f"{len(record.seeds)} seed{'s' if len(record.seeds) > 1 else ''}"
    return wrap(f"{record.dataset}, {record.resolution} px, {seeds}; {units}", width - 2)


def _value(reference: Reference, key: str) -> str:
    values = [seed.metrics[key] for seed in reference.record.seeds if key in seed.metrics]
    if not values:
        return DASH
    interval = mean_interval(values)
    if interval.half_width is None:
        return format_number(interval.mean)
    return f"{format_number(interval.mean)} ± {format_number(interval.half_width)}"
