"""A suite scored anew by another protocol, as text or JSON."""

import json
from dataclasses import asdict

from bench.api.rescoring import CHOSEN, Rescored
from bench.errors import listing
from bench.metrics.protocol import DEFAULT, THESIS, LocalizationProtocol
from bench.reporting.tables.table import DASH, format_number
from bench.statistics.student import MeanInterval


def to_json(suite: str, protocol: LocalizationProtocol, rescored: Rescored) -> str:
    """Returns the document that `bench rescore --help` describes."""
    document = {"suite": suite, "protocol": asdict(protocol)} | asdict(rescored)
    return json.dumps(document, indent=2)


def to_text(suite: str, protocol: LocalizationProtocol, rescored: Rescored) -> str:
    """Returns the protocol in a line, then a line for each row, and the notes."""
    chosen, thesis = asdict(protocol), asdict(THESIS)
    changed = [
        f"{name.removesuffix('_px')} {chosen[name]}" for name in chosen if chosen[name] != thesis[name]
    ]
    lines = [
        f"{suite}: {listing(changed) if changed else 'the protocol of the thesis, nothing is changed'}",
        "",
    ]
    for where in dict.fromkeys((row.dataset, row.resolution) for row in rescored.rows):
        rows = [row for row in rescored.rows if (row.dataset, row.resolution) == where]
        columns = {
            f"{where[0]}, {where[1]} px": [row.model for row in rows],
            "metric": [row.metric for row in rows],
            "n": [f"{len(row.trials)}/{row.expected}" for row in rows],
            DEFAULT: [_text(row.default) for row in rows],
            CHOSEN: [_text(row.chosen) for row in rows],
            "difference": [_text(row.difference, is_signed=True) for row in rows],
        }
        widths = [max(map(len, (name, *words))) for name, words in columns.items()]
        lines += [
            "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()
            for line in (tuple(columns), *zip(*columns.values(), strict=True))
        ]
        lines.append("")
    if not rescored.rows:
        lines += ["Nothing to score: no finished trial of this suite has stored maps.", ""]
    return "\n".join([*lines, *rescored.notes]).rstrip()


def _text(interval: MeanInterval, *, is_signed: bool = False) -> str:
    width = DASH if interval.half_width is None else format_number(interval.half_width, 3)
    return f"{format_number(interval.mean, 3, is_signed=is_signed)} ± {width}"
