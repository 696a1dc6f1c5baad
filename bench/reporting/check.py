"""Checks a written report: byte by byte against its results, or quickly whether it is up to date."""

from collections.abc import Iterator
from importlib import resources
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import MOST_NAMED, listing
from bench.reporting.lock import LOCK, Lock, read_lock, render_lock
from bench.results.invocation import other_suite
from bench.results.store import ResultsStore
from bench.suite.identity import bytes_digest
from bench.suite.load import LoadedSuite

if TYPE_CHECKING:  # building a report takes far more than asking whether it is up to date
    from bench.reporting.build import Report


_SHOWN = 60
"""Characters of a line that a sentence quotes."""

CURVES = "learning_curves.png"
"""A figure: no lock names those, since their bytes are the drawing library's."""


def current_page(loaded: LoadedSuite, store: ResultsStore, reports_dir: Path) -> str | None:
    """Returns the page of the report that is there, or None unless all of it is as it would be written now.

    It is up to date if a lock made now would be the same: the same request, results, references and files. No
    file of this package may be newer than it, and no trial interrupted, since its curve may have gone on.

    Raises:
        ResultsError: a record or a reference cannot be read.
    """
    folder = reports_dir / loaded.suite.name
    lock = read_lock(folder / LOCK)
    if lock is None or any(trial.state == "interrupted" for trial in lock.trials):
        return None
    try:
        is_older = (folder / LOCK).stat().st_mtime < max(_package_times())
        files = {name: (folder / name).read_text("utf-8") for name in lock.files}
        if is_older or not (folder / CURVES).exists():
            return None
        if render_lock(lock.suite.name, [loaded], store, files) != (folder / LOCK).read_text("utf-8"):
            return None
    except (OSError, ValueError):
        return None
    return files.get("README.md")


def _package_times() -> list[float]:
    root = Path(str(resources.files("bench")))
    return [
        path.stat().st_mtime for ending in ("py", "csv", "html", "css") for path in root.rglob(f"*.{ending}")
    ]


def check_report(report: "Report", reports_dir: Path, suite: Path | None = None) -> list[str]:
    """Returns a sentence for each difference between the report and what was written of it earlier.

    There are none if every byte is the same. Files that neither the report nor its lock names, such as
    figures, are left alone, but for a gallery of other results. Nothing is written.

    Args:
        report: as the results give it now. A report of a selection has to be compared with one of the same.
        reports_dir: below which ``<suite>/`` was written.
        suite: the file of the report's suite, if it is of one.
    """
    folder = reports_dir / report.name
    if (other := other_suite(folder, report.name, suite)) is not None:
        return [f"{folder}: is the report of {other}, another suite of the same name"]
    lock = read_lock(folder / LOCK)
    locked = lock.files if lock is not None else {}
    sentences = [
        sentence
        for name, text in report.files.items()
        if name != LOCK and (sentence := _difference(folder / name, text, locked.get(name))) is not None
    ]
    sentences += [
        f"{folder / name}: is in the lock, and no file of the report any more"
        for name in sorted(locked.keys() - report.files.keys())
    ]
    if LOCK in report.files:
        sentences += _since(folder / LOCK, lock, report.files[LOCK])
        if not sentences and (folder / LOCK).read_bytes() != report.files[LOCK].encode():
            sentences.append(f"{folder / LOCK}: was changed after it was written")
    return sentences + report.stale_gallery(folder)


def _difference(path: Path, text: str, locked: str | None) -> str | None:
    """Returns how a file differs, if it does; `locked` is its digest by the lock, if it has one."""
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        return f"{path}: is missing"
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror or error})"
    if found == text.encode():
        return None
    was_changed = locked is not None and bytes_digest(found) != locked
    why = "was changed after it was written; " if was_changed else ""
    before, now = found.decode(errors="replace").split("\n"), text.split("\n")
    for number, (old, new) in enumerate(zip_longest(before, now), start=1):
        if old != new:
            return f"{path}: {why}line {number} {_was_and_is(old, new)}"
    return f"{path}: {why}is not UTF-8"


def _was_and_is(old: str | None, new: str | None) -> str:
    """Quotes both lines, from a little before the first character that differs."""
    if old is None or new is None:
        return f"is missing: {_short(new or '', 0)}" if old is None else f"is too many: {_short(old, 0)}"
    first = next((i for i, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), 0)
    return f"is {_short(old, first)}, and would be {_short(new, first)}"


def _short(line: str, first: int) -> str:
    start = max(first - _SHOWN // 2, 0)
    part = line[start : start + _SHOWN].replace("\N{NO-BREAK SPACE}", " ")
    return repr(f"{'…' if start else ''}{part}{'…' if start + _SHOWN < len(line) else ''}")


def _since(path: Path, lock: Lock | None, text: str) -> Iterator[str]:
    """Yields what changed since the lock in `path` was written."""
    if lock is None:
        yield f"{path}: {'is no lock that this version can read' if path.exists() else 'is missing'}"
        return
    now = Lock.model_validate_json(text)
    if lock.bench != now.bench:
        yield f"{path}: was made by bench {lock.bench}, and this is {now.bench}"
    if lock.suite != now.suite:
        yield f"{path}: the suite is another: it was edited, or changed or narrowed by other options"
    before, after = ({trial.id: trial for trial in one.trials} for one in (lock, now))
    for word, old, new in (("records", before, after), ("references", lock.references, now.references)):
        if changed := [key for key in dict.fromkeys((*old, *new)) if old.get(key) != new.get(key)]:
            yield f"{path}: {word} changed since: {listing(changed, MOST_NAMED)}"
