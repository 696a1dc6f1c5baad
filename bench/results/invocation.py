"""Runs of suites, a folder for each: what was asked for, when, in what environment, and how it ended.

results/invocations/<suite>/<number>/invocation.json    trials, times, status, means over seeds
                                     suite.yaml         the suite's file, as it was
                                     config.json        the suite as it was run: with defaults and --set
                                     environment.json   Python, all packages, commit
                                     report/            the report's files, as they were when the run ended

A suite's name belongs to one file, so that no other suite overwrites what is kept under it:

.<name>.suite.json   beside a folder of runs or of a report: the suite that it belongs to, as seen from there
"""

import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path
from statistics import fmean
from typing import Literal

import yaml
from pydantic import Field

from bench.errors import ResultsError, as_text
from bench.redaction import redacted
from bench.results.files import write_text
from bench.results.lease import Lease, this_process
from bench.results.provenance import git_commit
from bench.results.record import now
from bench.results.store import ResultsStore
from bench.results.stored import read_stored, write_stored
from bench.suite.dataset_specs import title_of
from bench.suite.find import is_installed, shipped_suites
from bench.suite.frozen import Frozen
from bench.suite.load import LoadedSuite
from bench.suite.metrics import METRICS
from bench.version import VERSION

RunStatus = Literal["running", "finished", "failed", "interrupted"]


class InvokedTrial(Frozen):
    """A trial that a run of a suite asked for."""

    id: str
    label: str
    """The model, as the suite calls it."""
    was_finished: bool
    """Whether it was trained and scored before: such a trial is reused."""


class Invocation(Frozen):
    """One run of a suite."""

    suite: str
    title: str
    number: int
    """Counts the runs of the suite from 1."""
    command: tuple[str, ...]
    """The words of the command line, from the verb on."""
    trials: tuple[InvokedTrial, ...]
    driver: Lease
    """The process."""
    started_at: str
    """ISO 8601 with time zone, as `ended_at`."""
    ended_at: str | None = None
    status: RunStatus = "running"
    error: str | None = None
    """The reason of its end, where that was not its last trial."""
    counts: dict[str, int] = Field(default_factory=dict)
    """At its end: trials that are finished, reused, failed and missing, and unreadable if there are any."""
    means: dict[str, float] = Field(default_factory=dict)
    """At its end, over the seeds that are finished, e.g. ``point_accuracy/weighted/PYLON``."""

    @property
    def name(self) -> str:
        """The name for people, e.g. ``nih_256 #3``."""
        return f"{self.suite} #{self.number}"

    @property
    def state(self) -> RunStatus:
        """The status; of a run whose process is gone without having said so: interrupted."""
        return "interrupted" if self.status == "running" and self.driver.is_gone else self.status


class InvocationFolder:
    """The files of one run of a suite; the module's docstring describes them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.invocation = path / "invocation.json"
        self.suite = path / "suite.yaml"
        self.config = path / "config.json"
        self.environment = path / "environment.json"
        self.report = path / "report"

    def read(self) -> Invocation:
        """Returns what is known of the run.

        Raises:
            ResultsError: the file cannot be read, or is of another run than its folder.
        """
        without = "move its folder out of invocations/ to go without it"
        found = read_stored(self.invocation, Invocation, "run of a suite", without)
        if found is None:
            raise ResultsError("is missing", place=self.invocation)
        if (found.suite, str(found.number)) != (self.path.parent.name, self.path.name):
            raise ResultsError(
                f"is another run, {found.name}; {without}", place=self.invocation, value=found.name
            )
        return found


class Invocations:
    """All runs of suites in a results folder."""

    def __init__(self, store: ResultsStore) -> None:
        self._store = store
        self._root = store.root / "invocations"

    def folder(self, invocation: Invocation) -> InvocationFolder:
        """Returns the folder of a run."""
        return InvocationFolder(self._root / invocation.suite / str(invocation.number))

    def suites(self) -> tuple[str, ...]:
        """Returns the names of the suites that were run, in order."""
        return tuple(sorted({path.parent.parent.name for path in self._root.glob("*/*/invocation.json")}))

    def of(self, suite: str) -> tuple[Invocation, ...]:
        """Returns the runs of a suite that can be read, the first one first; see `problems`."""
        return self._read(suite)[0]

    def every(self) -> tuple[Invocation, ...]:
        """Returns the runs of all suites that can be read, by suite."""
        return tuple(one for suite in self.suites() for one in self.of(suite))

    def problems(self, suite: str) -> tuple[str, ...]:
        """Returns a sentence for each run of a suite that cannot be read."""
        return self._read(suite)[1]

    def _read(self, suite: str) -> tuple[tuple[Invocation, ...], tuple[str, ...]]:
        """Returns the runs that can be read, by number, and a sentence for each of the others."""
        found: list[Invocation] = []
        problems: list[str] = []
        for path in sorted((self._root / suite).glob("*/invocation.json")):
            try:
                found.append(InvocationFolder(path.parent).read())
            except ResultsError as error:
                problems.append(str(error))
        return tuple(sorted(found, key=lambda one: one.number)), tuple(problems)

    def require_own(self, loaded: LoadedSuite) -> None:
        """Checks that it is this suite whose runs are kept here under its name.

        Raises:
            ResultsError: it is another one.
        """
        require_own(*self._place(loaded))

    def begin(self, loaded: LoadedSuite, command: Sequence[str]) -> Invocation:
        """Writes down that the suite runs now, with the next free number, and returns that.

        Args:
            loaded: the suite, narrowed to what is run of it.
            command: the words of the command line, from the verb on.

        Raises:
            ResultsError: the runs that are here are those of another suite of the same name.
        """
        take_folder(*self._place(loaded))
        invocation = Invocation(
            suite=loaded.suite.name,
            title=loaded.suite.title or loaded.suite.name,
            number=self._take_number(loaded.suite.name),
            command=tuple(redacted(as_text(word)) for word in command),
            trials=tuple(self._trials(loaded)),
            driver=this_process(),
            started_at=now(),
        )
        folder = self.folder(invocation)
        shutil.copyfile(loaded.source, folder.suite)
        write_text(folder.config, loaded.suite.model_dump_json(indent=2) + "\n")
        write_text(folder.environment, json.dumps(_environment(), indent=2) + "\n")
        write_stored(folder.invocation, invocation)
        return invocation

    def end(
        self, invocation: Invocation, *, report: Path | None = None, error: str | None = None
    ) -> Invocation:
        """Writes down how the run ended, with a copy of its report, and returns that.

        Args:
            invocation: as it began.
            report: the folder of the suite's report; None if there is none.
            error: what ended the run, where that was not its last trial; empty for an interruption.
        """
        counts = self._counts(invocation)
        status: RunStatus = "failed" if error or counts["failed"] else "finished"
        if error == "":
            status = "interrupted"
        facts = {"ended_at": now(), "status": status, "error": error or None}
        results = {"counts": counts, "means": self._means(invocation)}
        ended = invocation.model_copy(update=facts | results)
        folder = self.folder(invocation)
        if report is not None:
            for path in filter(Path.is_file, sorted(report.rglob("*"))):
                copy = folder.report / path.relative_to(report)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
        write_stored(folder.invocation, ended)
        return ended

    def _take_number(self, suite: str) -> int:
        names = [path.name for path in (self._root / suite).glob("*")]
        number = max((int(name) for name in names if name.isdecimal()), default=0)
        while True:
            number += 1
            try:  # making a folder is one step: of two runs one gets the number
                (self._root / suite / str(number)).mkdir(parents=True)
            except FileExistsError:
                continue
            return number

    def _place(self, loaded: LoadedSuite) -> tuple[Path, str, Path]:
        return self._root / loaded.suite.name, loaded.suite.name, loaded.source

    def _counts(self, invocation: Invocation) -> dict[str, int]:
        found = [self._store.state(one.id) for one in invocation.trials]
        states = [state if state in ("finished", "failed", "unreadable") else "missing" for state in found]
        counts = {state: states.count(state) for state in ("finished", "failed", "missing")}
        counts |= {"reused": sum(one.was_finished for one in invocation.trials)}
        return counts | ({"unreadable": states.count("unreadable")} if "unreadable" in states else {})

    def _means(self, invocation: Invocation) -> dict[str, float]:
        """Returns averages over findings, averaged over seeds, with data and resolution if they differ."""
        keys = {metric.key(average) for metric in METRICS.values() for average in metric.averages}
        values: dict[tuple[str, str, str], list[float]] = {}
        for one in invocation.trials:
            record = self._store.record(one.id)
            if record is None:
                continue
            where = f"{title_of(record.trial.dataset)} {record.trial.resolution} px"
            for name, value in self._store.metrics(one.id).items():
                if name in keys:
                    values.setdefault((name, one.label, where), []).append(value)
        is_one = len({where for _, _, where in values}) == 1
        return {
            f"{name}/{label}" + ("" if is_one else f" {where}"): fmean(found)
            for (name, label, where), found in values.items()
        }

    def _trials(self, loaded: LoadedSuite) -> Iterator[InvokedTrial]:
        labels = {point.trial.id: point.label for point in loaded.grid.points}
        for trial in loaded.grid.required:
            if self._store.state(trial.id) != "finished":
                yield InvokedTrial(id=trial.id, label=trial.label, was_finished=False)
        for trial in loaded.grid.trials:
            was_finished = self._store.state(trial.id) == "finished"
            yield InvokedTrial(id=trial.id, label=labels[trial.id], was_finished=was_finished)


def _environment() -> dict[str, object]:
    packages = {one.metadata["Name"]: one.version for one in distributions()}
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "bench": VERSION,
        "git_commit": git_commit(),
        "packages": dict(sorted(packages.items(), key=lambda item: item[0].lower())),
    }


class _Owner(Frozen):
    suite: str
    """The file, relative to where this is written: both may be moved together."""
    is_shipped: bool = False
    """Whether the file is one of the package's own, relative to their folder."""


def take_folder(folder: Path, name: str, suite: Path) -> None:
    """Notes that a folder belongs to the suite; arguments and errors as of `require_own`."""
    require_own(folder, name, suite)
    owner = owner_of(folder)
    if owner is None or not owner.exists():
        write_stored(folder.with_name(f".{folder.name}.suite.json"), _mark(folder, suite))


def require_own(folder: Path, name: str, suite: Path) -> None:
    """Checks that a folder belongs to no other suite of the same name.

    A suite that was edited or moved keeps its folder, and so do copies with the same content.

    Args:
        folder: of the suite's runs, or of its report.
        name: of the suite.
        suite: its file.

    Raises:
        ResultsError: it belongs to another suite that is still there; the sentence says what helps.
    """
    if (other := other_suite(folder, name, suite)) is not None:
        raise ResultsError(
            f"belongs to {other}, another suite called {name!r}; give one of them a name of its own (the key "
            "'name' in its file), or this one other folders (--results-dir, --reports-dir)",
            place=folder,
            value=name,
        )


def other_suite(folder: Path, name: str, suite: Path | None) -> Path | None:
    """Returns the suite that a folder belongs to if it is not `suite`, is still there and called `name`."""
    owner = owner_of(folder)
    if owner is None or not folder.exists():
        return None
    try:
        is_same = suite is not None and (owner.samefile(suite) or owner.read_bytes() == suite.read_bytes())
        return None if is_same or _name_of(owner) != name else owner
    except OSError:  # it was moved, or is on another machine
        return None


def owner_of(folder: Path) -> Path | None:
    """Returns the file of the suite that a folder belongs to, as it was noted; None if it was not."""
    with suppress(ResultsError):
        found = read_stored(folder.with_name(f".{folder.name}.suite.json"), _Owner, "mark", "move it aside")
        if found is not None:
            start = shipped_suites() if found.is_shipped else folder.resolve().parent
            return Path(os.path.normpath(start / found.suite))
    return None


def _mark(folder: Path, suite: Path) -> _Owner:
    if is_installed(suite):
        return _Owner(suite=suite.name, is_shipped=True)
    relative = os.path.relpath(suite.resolve(), folder.resolve().parent)
    return _Owner(suite=Path(relative).as_posix())


def _name_of(suite: Path) -> str:
    """Returns the suite's name now; that of its file if that is no readable suite at the moment."""
    with suppress(yaml.YAMLError, UnicodeDecodeError):
        content = yaml.safe_load(suite.read_text(encoding="utf-8-sig"))
        if isinstance(content, dict):
            return str(content.get("name", suite.stem))
    return suite.stem
