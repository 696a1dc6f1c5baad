"""Is a data set what it should be? Every check of it, before anything is trained on it.

The checks are pure: they take what the text files and the manifest say. `bench.suite.violation` lists them.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path

import pandas as pd

from bench.data.checks.expected_counts import comparisons
from bench.data.checks.manifest import Progress, digest_of, read_manifest, sizes_from
from bench.data.images.image_sizes import reaching_outside
from bench.data.sources.image_files import what_is_there
from bench.data.sources.patients import with_lines, written_alike
from bench.data.sources.source import Source
from bench.errors import DataError, listing
from bench.suite.violation import ACCEPTABLE, VIOLATIONS, ViolationKind

_NAMED = 3
"""Examples that a sentence names before it counts the rest."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Violation:
    """One thing that is wrong.

    Attributes:
        kind: the name of the check.
        text: a sentence: what, how many, and a few examples.
        examples: all that are concerned: images, patients, or phrases.
    """

    kind: ViolationKind
    text: str
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Integrity:
    """What the checks of a data set say.

    Attributes:
        violations: in the order of `VIOLATIONS`, at most one of a kind.
        notes: what is unusual and does no harm.
        digest: ``sha256:…`` of all of the data that can move a number.
    """

    violations: tuple[Violation, ...]
    notes: tuple[str, ...]
    digest: str

    def refused(self, accepted: Collection[str]) -> list[Violation]:
        """Returns the violations that are not accepted."""
        return [violation for violation in self.violations if violation.kind not in accepted]


def check(
    source: Source, cache_dir: Path, on_progress: Progress | None = None, *, reread: bool = False
) -> Integrity:
    """Returns what is wrong with the data set, reading files that the stored manifest does not know.

    Args:
        source: the data set.
        cache_dir: where manifests are kept.
        on_progress: told (done, total) while files are read.
        reread: read every file again.

    Raises:
        DataError: the cache cannot be written, or the frames of boxes are not known.
    """
    manifest = read_manifest(source, cache_dir, on_progress, reread=reread)
    boxes, frames = _boxes_in_frames(source, manifest)
    violations = [violation for check in _CHECKS for violation in check(source, manifest)]
    violations += _boxes(source, boxes, frames)
    order = list(VIOLATIONS)
    return Integrity(
        violations=tuple(sorted(violations, key=lambda violation: order.index(violation.kind))),
        notes=tuple(_notes(source.tables)),
        digest=digest_of(source, manifest, frames),
    )


def require_integrity(source: Source, integrity: Integrity, accepted: Collection[str]) -> None:
    """Refuses a data set with violations that are not accepted.

    Raises:
        DataError: with a line for each.
    """
    refused = integrity.refused(accepted)
    if not refused:
        return
    lines = [f"data set {source.name} in {source.root} is not as it should be:"]
    lines += [f"  {violation.kind}: {violation.text}" for violation in refused]
    acceptable = [violation.kind for violation in refused if violation.kind in ACCEPTABLE]
    if len(acceptable) == len(refused):
        lines.append(f"a suite that says accept: [{listing(acceptable)}] runs all the same")
    raise DataError("\n".join(lines))


def _violation(
    kind: ViolationKind, examples: Sequence[str], text: str = "", hint: str = ""
) -> Iterator[Violation]:
    """Yields a violation if there is any example; the text is the check's description if it has none."""
    if examples:
        is_long = len(examples) > _NAMED
        named = f"{len(examples):,}, such as " if is_long else ""
        sentence = f"{text or VIOLATIONS[kind]}: {named}{'; '.join(examples[:_NAMED])}{hint}"
        yield Violation(kind, sentence, tuple(examples))


def _missing(source: Source, _manifest: pd.DataFrame) -> Iterator[Violation]:
    if source.draw is None:
        absent = [name for names in source.parts.values() for name in names if name not in source.files]
        there = what_is_there(absent, source.root) if absent else ""
        yield from _violation("images_missing", absent, hint=there)


def _unreadable(_source: Source, manifest: pd.DataFrame) -> Iterator[Violation]:
    broken = manifest[manifest["problem"] != ""]
    examples = [f"{path} {problem}" for path, problem in zip(broken["path"], broken["problem"], strict=True)]
    yield from _violation("images_unreadable", examples)


def _sizes(source: Source, manifest: pd.DataFrame) -> Iterator[Violation]:
    readable = manifest[manifest["problem"] == ""]
    if not source.has_one_size or readable.empty:
        return
    rows, columns = int(readable["rows"].mode()[0]), int(readable["columns"].mode()[0])
    is_other = (readable["rows"] != rows) | (readable["columns"] != columns) | (rows != columns)
    others = readable[is_other]
    examples = [
        f"{name} {c} × {r} px"
        for name, r, c in zip(others.index, others["rows"], others["columns"], strict=True)
    ]
    wanted = (
        f"{columns} × {rows} px as the other {len(readable) - len(others):,}" if rows == columns else "square"
    )
    yield from _violation("image_sizes_differ", examples, f"images that are not {wanted}")


def _counts(source: Source, _manifest: pd.DataFrame) -> Iterator[Violation]:
    differing = [str(pair) for pair in comparisons(source) if pair.found != pair.expected]
    yield from _violation("counts_unexpected", differing)


def _boxes_in_frames(source: Source, manifest: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the boxes of the split's images, and the frames of those whose files can be read."""
    boxes = source.boxes_of(name for names in source.parts.values() for name in names)
    readable = set(manifest.index[manifest["problem"] == ""])
    boxed = sorted(set(boxes["image"]))
    known = [name for name in boxed if source.draw is not None or name in readable]
    return boxes, source.frames(known, partial(sizes_from, manifest))


def _boxes(source: Source, boxes: pd.DataFrame, frames: pd.DataFrame) -> Iterator[Violation]:
    yield from _violation("boxes_unmatched", source.unmatched_boxes)
    outside = dict.fromkeys(reaching_outside(boxes, frames, source.frame_tolerance))
    sizes = frames.loc[list(outside), ["columns", "rows"]].to_numpy()
    examples = [f"{n} in {w:.0f} × {h:.0f} px" for n, (w, h) in zip(outside, sizes, strict=True)]
    hint = f", {source.frame_hint}" if source.frame_hint else ""
    yield from _violation("boxes_outside", examples, f"{VIOLATIONS['boxes_outside']}{hint}")
    rows = source.labels.index.get_indexer(pd.Index(boxes["image"]))
    columns = source.labels.columns.get_indexer(pd.Index(boxes["finding"]))
    yield from _violation("boxes_without_label", _named(boxes[source.labels.to_numpy()[rows, columns] == 0]))
    yield from _violation("boxes_repeated", _named(boxes[boxes.duplicated()]))


def _named(boxes: pd.DataFrame) -> list[str]:
    return [f"{finding} on {image}" for finding, image in zip(boxes["finding"], boxes["image"], strict=True)]


def _duplicates(source: Source, manifest: pd.DataFrame) -> Iterator[Violation]:
    readable = manifest[manifest["problem"] == ""]
    twins = readable[readable["sha256"].duplicated(keep=False)]
    part_of = {name: part for part, names in source.parts.items() for name in names}
    found: dict[ViolationKind, list[str]] = {}
    for _, group in twins.groupby("sha256", sort=False):
        by_part: dict[str, list[str]] = {}
        for name in group.index:
            by_part.setdefault(part_of[name], []).append(name)
        for names in by_part.values():
            if len(names) > 1:
                found.setdefault("images_duplicate", []).append(" = ".join(names))
        for first, second in _pairs(source, by_part):
            pair = f"{by_part[first][0]} = {by_part[second][0]}"
            found.setdefault(_shared("images", first, second), []).append(pair)
    for kind, examples in found.items():
        yield from _violation(kind, examples)


def _patients(source: Source, _manifest: pd.DataFrame) -> Iterator[Violation]:
    names = [name for part in source.parts.values() for name in part]
    absent = {name: source.without_patient[name] for name in names if name in source.without_patient}
    yield from _violation("patients_absent", with_lines(absent))
    patients = source.patients.loc[names]
    yield from _violation("patients_alike", written_alike(patients[patients != patients.index]))
    of_part = {part: set(source.patients.loc[list(names)]) for part, names in source.parts.items()}
    for first, second in _pairs(source, of_part):
        shared = sorted(map(str, of_part[first] & of_part[second]))
        yield from _violation(_shared("patients", first, second), shared)


def _pairs(source: Source, present: Iterable[str]) -> Iterator[tuple[str, str]]:
    return combinations([part for part in source.parts if part in set(present)], 2)


def _shared(what: str, first: str, second: str) -> ViolationKind:
    kind = f"{what}_shared_{first}_{second}"
    return next(known for known in VIOLATIONS if known == kind)


_CHECKS: tuple[Callable[[Source, pd.DataFrame], Iterator[Violation]], ...] = (
    _missing,
    _unreadable,
    _sizes,
    _counts,
    _duplicates,
    _patients,
)


def _notes(tables: Sequence[Path]) -> Iterator[str]:
    for path in tables:
        content = b"" if path.suffix == ".gz" else path.read_bytes()
        found = [
            what
            for what, is_there in (
                ("a byte order mark", content.startswith(_BYTE_ORDER_MARK)),
                ("line ends of Windows", b"\r\n" in content),
            )
            if is_there
        ]
        if found:
            yield f"{path.name} has {' and '.join(found)}; read as if it had not"
