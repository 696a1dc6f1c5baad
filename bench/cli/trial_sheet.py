"""A trial: what was asked for, what came out and where everything is; as text and as JSON."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.errors import BenchError, ResultsError
from bench.results.record import Outcome, Record
from bench.results.store import ResultsStore, TrialFolder
from bench.suite.cam import NATIVE
from bench.suite.metrics import AVERAGES
from bench.suite.trial import Trial

Document = dict[str, Any]

_STUB = 13
"""Characters of the words before the colon."""


def describe(folder: TrialFolder, cache_dir: Path, suites_dir: Path | None) -> Document:
    """Returns everything that is known of a trial, ready for JSON.

    "asked" is what was asked for; its recipe and data set hold what differs from defaults. "ancestors" are
    the trials that it starts from, the first to run first. "manifests" are those that the cache has of its
    data set; "suites", null if they were not looked for, those that ask for the trial or start from it.

    Args:
        folder: of the trial.
        cache_dir: where manifests of data sets are.
        suites_dir: where suites are; None to look for none.

    Raises:
        ResultsError: neither record nor trial can be read.
    """
    store = ResultsStore(folder.path.parent.parent)
    record, trial = _read(folder)
    outcome = record.outcome if record is not None else None
    return {
        "id": trial.id,
        "state": store.state(trial.id) if folder.path.name == trial.id else "unknown",
        "ended_at": record.ended_at if record is not None else None,
        "error": record.error if record is not None else None,
        "unreadable": list(store.problems(folder.path.name)) if folder.path.name == trial.id else [],
        "asked": _asked(trial),
        "ancestors": [{"id": parent.id, "state": store.state(parent.id)} for parent in trial.ancestors()],
        "outcome": _outcome(outcome),
        "maps": _maps(folder),
        "provenance": outcome.provenance.model_dump(mode="json") if outcome is not None else None,
        "manifests": _manifests(trial.dataset.name, cache_dir),
        "folder": str(folder.path),
        "files": _files(folder.path),
        "suites": None if suites_dir is None else _suites(trial.id, suites_dir),
    }


def to_text(document: Document, width: int) -> str:
    """Returns the document as lines of at most `width` characters, as far as no word is longer."""
    lines: list[str] = []
    for key, texts in _paragraphs(document):
        for position, text in enumerate(texts):
            head = f"{key}:" if position == 0 else ""
            lines += textwrap.wrap(
                text,
                width,
                initial_indent=head.ljust(_STUB),
                subsequent_indent=" " * (_STUB + 2),
                break_long_words=False,
                break_on_hyphens=False,
            )
    return "\n".join(lines)


def _read(folder: TrialFolder) -> tuple[Record | None, Trial]:
    """Returns the trial and its record, if it has one that can be read.

    Raises:
        ResultsError: neither tells the trial.
    """
    try:
        record = folder.read_record()
    except ResultsError:
        trial = folder.read_trial()
        if trial is None:
            raise
        return None, trial
    trial = record.trial if record is not None else folder.read_trial()
    if trial is None:
        raise ResultsError(f"{folder.trial}: is missing")
    return record, trial


def _asked(trial: Trial) -> Document:
    identity = trial.identity()
    return {
        "label": trial.label,
        **{key: identity[key] for key in ("model", "options", "encoder", "weights", "dataset")},
        "resolution": trial.resolution,
        "seed": trial.seed,
        "phase": trial.phase.model_dump(mode="json", exclude_defaults=True),
        "recipe": identity["recipe"],
        "protocol": trial.protocol,
    }


def _outcome(outcome: Outcome | None) -> Document | None:
    return None if outcome is None else outcome.model_dump(mode="json", exclude={"provenance"})


def _maps(folder: TrialFolder) -> list[Document]:
    kept = {"method", "status", "metrics", "notes"}
    return [one.model_dump(mode="json", include=kept) for one in folder.read_evaluations()]


def _manifests(name: str, cache_dir: Path) -> list[Document]:
    from bench.data.checks.manifest import stored_manifests

    return [
        {
            "path": str(path),
            "images": len(table),
            "bytes": int(table["num_bytes"].sum()),
            "unreadable": int((table["problem"] != "").sum()),
        }
        for path, table in stored_manifests(name, cache_dir).items()
    ]


def _files(folder: Path) -> dict[str, int]:
    """Size in bytes of each file in the folder, but for locks."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(folder)): path.stat().st_size for path in paths}


def _suites(trial_id: str, suites_dir: Path) -> list[Document]:
    from bench.suite.load import load_suite

    if not suites_dir.is_dir():
        raise ResultsError(f"{suites_dir}: no such folder of suites")
    found: list[Document] = []
    for path in sorted(suites_dir.glob("*.y*ml")):
        try:
            grid = load_suite(path).grid
        except BenchError as error:
            found.append({"suite": path.stem, "rows": [], "error": str(error).splitlines()[0]})
            continue
        rows = list(dict.fromkeys(point.row for point in grid.points if point.trial.id == trial_id))
        starts = any(trial.id == trial_id for trial in grid.required)
        if rows or starts:
            found.append({"suite": path.stem, "rows": rows, "error": None})
    return found


def _paragraphs(document: Document) -> Iterator[tuple[str, list[str]]]:
    asked, outcome = document["asked"], document["outcome"]
    yield "trial", [document["id"]]
    ended = f", {document['ended_at']}" if document["ended_at"] else ""
    yield "state", [f"{document['state']}{ended}"]
    if document["error"]:
        yield "error", [document["error"].strip().splitlines()[-1]]
    if document["unreadable"]:
        yield "unreadable", document["unreadable"]
    yield "model", [_model(asked)]
    yield "data", [f"{_data(asked['dataset'])}; {asked['resolution']} px, seed {asked['seed']}"]
    yield "recipe", [_flat(asked["recipe"]) or "the defaults"]
    if document["ancestors"]:
        yield "starts from", [f"{parent['id']} ({parent['state']})" for parent in document["ancestors"]]
    if outcome is not None:
        native: Document = next((m for m in document["maps"] if m["method"] == NATIVE), {})
        yield "metrics", _metrics(native.get("metrics", {}) | outcome["metrics"])
        seconds = outcome["duration_s"]
        epochs = f"best epoch {outcome['best_epoch']} of {outcome['num_epochs']}"
        yield "training", [f"{epochs}, {seconds / 60:.1f} min with scoring"]
        notes = [*outcome["notes"], *native.get("notes", ())]
        if notes:
            yield "notes", notes
    maps = [m for m in document["maps"] if m["method"] != NATIVE]
    if maps:
        yield "maps", [f"{m['method']} {m['status']}: {'; '.join(_metrics(m['metrics']))}" for m in maps]
    if document["provenance"]:
        yield "made by", _provenance(document["provenance"])
        yield "data digest", [document["provenance"]["data"] or "unknown: it was not checked"]
    if document["manifests"]:
        yield "manifest", [_manifest(entry) for entry in document["manifests"]]
    yield "folder", [document["folder"]]
    yield "files", [f"{name}  {_size(size)}" for name, size in document["files"].items()]
    if document["suites"] is not None:
        yield "suites", [_suite(entry) for entry in document["suites"]] or ["none asks for it"]


def _model(asked: Mapping[str, Any]) -> str:
    options = f"; {_flat(asked['options'])}" if asked["options"] else ""
    phase = f"; {_flat(asked['phase'])}" if asked["phase"] else ""
    return f"{asked['label']}{options}; encoder {asked['encoder']}, weights {asked['weights']}{phase}"


def _data(dataset: Mapping[str, Any]) -> str:
    special = _flat({key: value for key, value in dataset.items() if key != "name"})
    return f"{dataset['name']} ({special})" if special else str(dataset["name"])


def _metrics(metrics: Mapping[str, float]) -> list[str]:
    names = dict.fromkeys(key.partition("/")[0] for key in metrics)
    return [
        f"{name} "
        + ", ".join(f"{kind} {metrics[key]:.3f}" for kind in AVERAGES if (key := f"{name}/{kind}") in metrics)
        for name in names
    ]


def _provenance(provenance: Mapping[str, Any]) -> list[str]:
    commit = provenance["git_commit"]
    packages = ", ".join(f"{name} {version}" for name, version in provenance["packages"].items())
    arithmetic = provenance["arithmetic"]
    lines = [
        f"bench {provenance['bench']}, commit {commit}, python {provenance['python']}",
        packages,
        f"{provenance['device']}, {provenance['precision']}, {provenance['num_threads']} thread(s), "
        f"{provenance['platform']}",
    ]
    if arithmetic is not None:
        loose = arithmetic["nondeterministic"]
        lines.append(f"without a deterministic algorithm: {', '.join(loose)}" if loose else "deterministic")
    return lines


def _manifest(entry: Mapping[str, Any]) -> str:
    unreadable = f", {entry['unreadable']} not readable" if entry["unreadable"] else ""
    return f"{entry['images']:,} images, {_size(entry['bytes'])}{unreadable}: {entry['path']}"


def _suite(entry: Mapping[str, Any]) -> str:
    if entry["error"]:
        return f"{entry['suite']}: cannot be read ({entry['error']})"
    return f"{entry['suite']}: {', '.join(entry['rows']) or 'others start from it'}"


def _flat(values: Mapping[str, Any], prefix: str = "") -> str:
    """``key value`` of everything, with dots between levels."""
    parts = [
        _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else f"{prefix}{key} {_word(value)}"
        for key, value in values.items()
    ]
    return ", ".join(part for part in parts if part)


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _size(num_bytes: int) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if num_bytes >= factor:
            return f"{num_bytes / factor:.1f} {unit}"
    return f"{num_bytes} B"
