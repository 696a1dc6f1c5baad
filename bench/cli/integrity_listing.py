"""What the checks of a data set say, as text for a terminal, and as JSON."""

import json
from collections.abc import Collection, Iterator
from dataclasses import asdict

from bench.cli.columns import Group, flow, wrap
from bench.data.checks.integrity import Integrity
from bench.data.checks.statistics import EVERY, ComparedCount, compared_counts
from bench.data.sources.source import DataSource
from bench.suite.violation import VIOLATIONS

_CLEAN, _VIOLATED, _ACCEPTED = "✓", "✗", "~"
_DIFFERS = "*"


def to_json(source: DataSource, integrity: Integrity, accepted: Collection[str]) -> str:
    """Returns everything as a JSON document; "counts" are empty where none are expected."""
    document = {
        "dataset": source.name,
        "root": str(source.root),
        "digest": integrity.digest,
        "images": {part: len(names) for part, names in source.parts.items()},
        "is_clean": not integrity.refused(accepted),
        "violations": [
            {
                "kind": violation.kind,
                "accepted": violation.kind in accepted,
                "count": len(violation.examples),
                "text": violation.text,
                "examples": violation.examples,
            }
            for violation in integrity.violations
        ],
        "notes": integrity.notes,
        "counts": [asdict(pair) for pair in compared_counts(source)],
    }
    return json.dumps(document, indent=2)


def to_text(source: DataSource, integrity: Integrity, accepted: Collection[str], width: int) -> str:
    """Returns the counts beside those that are expected, a line for each check, and what it comes to."""
    sizes = ", ".join(f"{len(names):,} {part}" for part, names in source.parts.items())
    lines = [f"{source.name}: {sum(map(len, source.parts.values())):,} images: {sizes}", ""]
    lines += _beside_expected(source, width)
    violated = {violation.kind: violation for violation in integrity.violations}
    for kind in VIOLATIONS:
        if kind in violated:
            mark = _ACCEPTED if kind in accepted else _VIOLATED
            lines += wrap(f"{mark} {kind}: {violated[kind].text}", width)
        else:
            lines.append(f"{_CLEAN} {kind}")
    lines += [line for note in integrity.notes for line in wrap(f"note: {note}", width)]
    refused = integrity.refused(accepted)
    lines += ["", f"digest: {integrity.digest}"]
    if refused:
        lines += wrap(f"{len(refused)} of {len(VIOLATIONS)} checks stop a run of a suite", width)
    else:
        lines.append("nothing stops a run of a suite")
    return "\n".join(lines)


def _beside_expected(source: DataSource, width: int) -> Iterator[str]:
    """Yields a table of counts; nothing for a data set that is nobody's official one."""
    columns: dict[tuple[str, str], list[ComparedCount]] = {}
    for pair in compared_counts(source):
        columns.setdefault((pair.parts, pair.what), []).append(pair)
    groups = []
    for (parts, what), pairs in columns.items():
        marks = [_DIFFERS if pair.found != pair.expected else "" for pair in pairs]
        if any(marks) or (what != "boxed_images" and any(pair.expected for pair in pairs)):
            found = ("found", *(f"{pair.found:,}" for pair in pairs))
            expected = ("expected", *(f"{pair.expected:,}" for pair in pairs))
            heading = f"{what.replace('_', ' ')} in {parts.replace('+', ', ')}"
            groups.append(Group(heading, (found, expected, *([("", *marks)] if any(marks) else []))))
    if groups:
        yield from flow((*source.findings, EVERY), groups, width)
