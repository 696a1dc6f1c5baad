"""Every check of a data set, before anything is trained on it.

The checks are pure: they take what the text files and the manifest say. `bench.suite.violation` lists them.
"""

from codecs import BOM_UTF8
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path

import pandas as pd

from bench.data.checks.manifest import digest_of, read_manifest, sizes_from
from bench.data.checks.near_duplicates import Pair, stored_near_duplicates
from bench.data.checks.statistics import compared_counts
from bench.data.images.cache import OnProgress
from bench.data.sources.image_files import what_is_there
from bench.data.sources.source import DataSource
from bench.data.sources.tables import similar_patients, with_lines
from bench.errors import DataError, listing
from bench.metrics.regions import MASK
from bench.suite.violation import ACCEPTABLE, VIOLATIONS, ViolationKind

_STRETCH_TOLERANCE = 0.01
"""How far the proportions of a mask and its image may differ: copies are rounded to whole px."""

_MOST_NAMED = 3
"""Examples that a sentence names before it counts the rest."""


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
    """The result of all checks of a data set.

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
    source: DataSource, cache_dir: Path, on_progress: OnProgress | None = None, *, reread: bool = False
) -> Integrity:
    """Returns what is wrong with the data set, reading files that the stored manifest does not know.

    Pairs of files that are one radiograph are among it where they were looked for
    (`bench.data.checks.near_duplicates`).

    Raises:
        DataError: the cache cannot be written, or the frames of boxes are not known.
    """
    manifest = read_manifest(source, cache_dir, on_progress, reread=reread)
    readable = manifest[manifest["problem"] == ""]
    boxes = source.boxes_of(source.names)
    known = [
        name for name in sorted(set(boxes["image"])) if source.draw is not None or name in readable.index
    ]
    frames = source.frames(known, partial(sizes_from, manifest))
    violations = [
        *_files(source, manifest),
        *_sizes(source, readable),
        *_boxes(source, boxes, frames),
        *_masks(source, boxes, frames, readable),
        *_duplicates(source, readable),
        *_near_duplicates(stored_near_duplicates(source, manifest, cache_dir)),
        *_patients(source),
    ]
    return Integrity(
        violations=_in_order(violations),
        notes=(*_notes(source.tables), *_ignored(source)),
        digest=digest_of(source, manifest, frames),
    )


def require_integrity(source: DataSource, integrity: Integrity, accepted: Collection[str]) -> None:
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
        named = f"{len(examples):,}, such as " if len(examples) > _MOST_NAMED else ""
        sentence = f"{text or VIOLATIONS[kind]}: {named}{'; '.join(examples[:_MOST_NAMED])}{hint}"
        yield Violation(kind, sentence, tuple(examples))


def _files(source: DataSource, manifest: pd.DataFrame) -> Iterator[Violation]:
    if source.draw is None:
        absent = [name for name in source.names if name not in source.files]
        yield from _violation(
            "images_missing", absent, hint=what_is_there(absent, source.root) if absent else ""
        )
    broken = manifest[manifest["problem"] != ""]
    examples = [f"{path} {problem}" for path, problem in zip(broken["path"], broken["problem"], strict=True)]
    yield from _violation("images_unreadable", examples)
    differing = [str(pair) for pair in compared_counts(source) if pair.found != pair.expected]
    yield from _violation("counts_unexpected", differing)


def _sizes(source: DataSource, readable: pd.DataFrame) -> Iterator[Violation]:
    if not source.has_one_size or readable.empty:
        return
    rows, columns = int(readable["rows"].mode()[0]), int(readable["columns"].mode()[0])
    is_other = (readable["rows"] != rows) | (readable["columns"] != columns) | (rows != columns)
    others = readable[is_other]
    sizes = zip(others.index, others["rows"], others["columns"], strict=True)
    wanted = "square"
    if rows == columns:
        wanted = f"{columns} × {rows} px as the other {len(readable) - len(others):,}"
    examples = [f"{name} {w} × {h} px" for name, h, w in sizes]
    yield from _violation("image_sizes_differ", examples, f"images that are not {wanted}")


def _boxes(source: DataSource, boxes: pd.DataFrame, frames: pd.DataFrame) -> Iterator[Violation]:
    """Yields what is wrong with the boxes; those of images whose frames are unknown may lie anywhere."""
    yield from _violation("boxes_unmatched", source.unmatched_boxes)
    framed = boxes[boxes["image"].isin(frames.index)]
    own = frames.loc[list(framed["image"])].set_axis(framed.index)
    slack, limit = own * source.frame_tolerance, own * (1 + source.frame_tolerance)
    is_outside = (
        (framed["x"] < -slack["columns"])
        | (framed["y"] < -slack["rows"])
        | (framed["x"] + framed["w"] > limit["columns"])
        | (framed["y"] + framed["h"] > limit["rows"])
    )
    outside = list(dict.fromkeys(framed["image"][is_outside]))
    sizes = frames.loc[outside, ["columns", "rows"]].to_numpy()
    examples = [f"{name} in {w:.0f} × {h:.0f} px" for name, (w, h) in zip(outside, sizes, strict=True)]
    hint = f", {source.frame_hint}" if source.frame_hint else ""
    yield from _violation("boxes_outside", examples, f"{VIOLATIONS['boxes_outside']}{hint}")
    rows = source.labels.index.get_indexer(pd.Index(boxes["image"]))
    columns = source.labels.columns.get_indexer(pd.Index(boxes["finding"]))
    named = boxes["finding"] + " on " + boxes["image"]
    unlabelled = named[source.labels.to_numpy()[rows, columns] == 0]
    yield from _violation("boxes_without_label", unlabelled.tolist())
    yield from _violation("boxes_repeated", named[boxes.duplicated()].tolist())


def _masks(
    source: DataSource, boxes: pd.DataFrame, frames: pd.DataFrame, readable: pd.DataFrame
) -> Iterator[Violation]:
    """Yields masks without a pixel, and those that are stretched to fit their images."""
    yield from _violation("masks_empty", source.empty_masks)
    if MASK not in boxes:
        return
    masked = boxes.loc[boxes[MASK].notna(), "image"].unique()
    names = [name for name in masked if name in frames.index and name in readable.index]
    own, files = frames.loc[names], readable.loc[names]
    stretch = (own["columns"] * files["rows"]) / (own["rows"] * files["columns"])
    misfits = own[(stretch - 1).abs() > _STRETCH_TOLERANCE].index
    examples = [
        f"{name} {own['columns'][name]:.0f} × {own['rows'][name]:.0f} px on an image of "
        f"{files['columns'][name]} × {files['rows'][name]} px"
        for name in misfits
    ]
    yield from _violation("masks_misfit", examples)


def _duplicates(source: DataSource, readable: pd.DataFrame) -> Iterator[Violation]:
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
        for kind, first, second in _pairs(source, "images", by_part):
            found.setdefault(kind, []).append(f"{by_part[first][0]} = {by_part[second][0]}")
    for kind, examples in found.items():
        yield from _violation(kind, examples)
    yield from _violation("images_trained_by_nih", source.trained_by_nih)


def _near_duplicates(pairs: Mapping[str, Sequence[Pair]]) -> Iterator[Violation]:
    for parts, found in pairs.items():
        yield from _violation(f"images_alike_{parts}", list(map(str, found)))


def with_pairs_elsewhere(integrity: Integrity, other: str, pairs: Sequence[Pair]) -> Integrity:
    """Returns the result with the pairs of test images and images that `other` trains or validates on."""
    examples = [f"{pair.second} ≈ {pair.first} of {other}" for pair in pairs]
    violations = (*integrity.violations, *_violation("images_alike_elsewhere", examples))
    return replace(integrity, violations=_in_order(violations))


def _in_order(violations: Iterable[Violation]) -> tuple[Violation, ...]:
    return tuple(sorted(violations, key=lambda violation: list(VIOLATIONS).index(violation.kind)))


def _patients(source: DataSource) -> Iterator[Violation]:
    names = source.names
    absent = {name: source.without_patient[name] for name in names if name in source.without_patient}
    yield from _violation("patients_absent", with_lines(absent))
    patients = source.patients.loc[names]
    yield from _violation("patients_alike", similar_patients(patients[patients != patients.index]))
    of_part = {part: set(source.patients.loc[list(names)]) for part, names in source.parts.items()}
    for kind, first, second in _pairs(source, "patients", of_part):
        yield from _violation(kind, sorted(map(str, of_part[first] & of_part[second])))


def _pairs(source: DataSource, what: str, present: Iterable[str]) -> Iterator[tuple[ViolationKind, str, str]]:
    """Yields the pairs of the parts that are `present`, with the check for what both share."""
    for first, second in combinations([part for part in source.parts if part in set(present)], 2):
        yield f"{what}_shared_{first}_{second}", first, second


def _ignored(source: DataSource) -> Iterator[str]:
    if source.ignored:
        named = listing((f"{finding} on {image}" for image, finding in source.ignored), _MOST_NAMED)
        yield f"not scored, since a region is to be ignored: {named}"


def _notes(tables: Sequence[Path]) -> Iterator[str]:
    for path in tables:
        content = b"" if path.suffix == ".gz" else path.read_bytes()
        marks = {
            "a byte order mark": content.startswith(BOM_UTF8),
            "line ends of Windows": b"\r\n" in content,
        }
        found = [what for what, is_there in marks.items() if is_there]
        if found:
            yield f"{path.name} has {' and '.join(found)}; read as if it had not"
