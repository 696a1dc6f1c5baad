"""Shows a run: a live table on a terminal or in a notebook, a few lines elsewhere, nothing to a program."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.table import Table

from bench.amounts import duration, rough_duration
from bench.execution.progress import Progress, ProgressFile
from bench.execution.progress_table import (
    TrialRow,
    all_left_s,
    earlier_share,
    progress_line,
    progress_table,
    time_left,
    trial_left_s,
)
from bench.results.record import CamEvaluation, EpochRow, Record, last_line
from bench.results.store import ResultsStore
from bench.suite.cam import CAMS, CamMethod
from bench.suite.metrics import PRIMARY, WEIGHTED
from bench.suite.trial import Trial

REFRESH_S = 0.5
_ENDED = ("finished", "failed", "blocked")
REPORT_S = 30.0
"""Seconds between lines where the output is no terminal."""

_LOGGED_TRIALS = 8
"""Trials that have a line of their own there."""


@dataclass
class _Pace:
    """How fast images are decoded.

    Attributes:
        what: is done.
        first: number of images that were there at the start.
        started_at_s: when that was.
        shown_at_s: when a line was last shown.
    """

    what: str
    first: int
    started_at_s: float
    shown_at_s: float

    def told(self, done: int, total: int, now_s: float) -> str:
        """Returns images per second and the time left, or nothing if there is nothing to say."""
        elapsed_s = now_s - self.started_at_s
        if done == self.first or elapsed_s <= 0:
            return ""
        rate = (done - self.first) / elapsed_s
        left = f", {duration((total - done) / rate)} left" if done < total else f" in {duration(elapsed_s)}"
        return f", {rate:.0f} images/s{left}"


class Display:
    """Follows trials through the progress files in their folders, whoever runs them."""

    def __init__(self, store: ResultsStore, console: Console | None = None) -> None:
        self.store = store
        self.console = console or Console(stderr=True)
        self._trials: Sequence[Trial] = ()
        self._state: dict[str, str] = {}
        self._left: dict[str, set[CamMethod]] = {}
        self._started_at = time.monotonic()
        self._earlier: dict[str, float] = {}  # share of each trial that was done before this run
        self._pace: _Pace | None = None

    def preparing(self, what: str, done: int, total: int) -> None:
        """Shows progress of decoding a data set: in place on a terminal, a few lines elsewhere."""
        now_s = time.monotonic()
        if self._pace is None or self._pace.what != what or done < self._pace.first:
            self._pace = _Pace(what, done, now_s, now_s)
        line = f"{what}: {done}/{total}{self._pace.told(done, total, now_s)}"
        if self.console.is_terminal:
            width = self.console.width - 1  # a full line would wrap, and not be overwritten
            end = "\n" if done == total else "\r"
            self.console.print(line[:width].ljust(width), end=end, highlight=False, markup=False)
        elif done == total or now_s - self._pace.shown_at_s > REPORT_S:
            self._pace.shown_at_s = now_s
            self.notice(line)

    def notice(self, sentence: str) -> None:
        """Shows a line that stays."""
        self.console.print(sentence, highlight=False, markup=False, soft_wrap=True)

    def started(self, trial: Trial) -> None:
        """Marks the trial as running."""
        self._state[trial.id] = "running"

    def epoch(self, trial: Trial, row: EpochRow) -> None:
        """Shows nothing: the trial's progress file says it already."""

    def ended(self, record: Record, metrics: Mapping[str, float]) -> None:
        """Marks the trial as finished or failed, with one line that stays; it runs on while maps are left.

        Those that start from a failed one are blocked, and have a line too.
        """
        trial_id, outcome = record.trial.id, record.outcome
        if record.status == "failed" or not self._left.get(trial_id):
            self._state[trial_id] = record.status
        if outcome is None:
            self._tell(trial_id, record.status, {}, record.error)
            self._block(record)
        else:
            self._tell(trial_id, f"{record.status} in {duration(outcome.duration_s)}", metrics, None)

    def _block(self, failed: Record) -> None:
        for trial in self._trials:
            if self._state[trial.id] == "waiting" and failed.trial in trial.ancestors():
                self._state[trial.id] = "blocked"
                self._tell(trial.id, f"blocked because {failed.trial.id} failed", {}, failed.error)

    def evaluated(self, trial: Trial, evaluation: CamEvaluation) -> None:
        """Shows one line that stays; the trial has ended with its last map."""
        left = self._left.setdefault(trial.id, set())
        left.discard(evaluation.method)
        if not left:
            self._state[trial.id] = "finished"
        what = f"{CAMS[evaluation.method].title} {evaluation.status}"
        self._tell(trial.id, what, evaluation.metrics, evaluation.error)

    def _tell(self, trial_id: str, what: str, metrics: Mapping[str, float], error: str | None) -> None:
        line = f"[{self._num_ended()}/{len(self._trials)}] {trial_id}: {what}"
        value = metrics.get(PRIMARY.key(WEIGHTED))
        if value is not None:
            line += f", {PRIMARY.phrase} {value:.3f}"
        if error is not None:
            line += f": {last_line(error)}"
        self.notice(line)

    @contextmanager
    def running(
        self, trials: Sequence[Trial], cams: Mapping[str, Sequence[CamMethod]] | None = None
    ) -> Iterator[None]:
        """Shows `trials` until the block ends; `cams` are, by id, the maps beside the native one."""
        self._trials, self._started_at = trials, time.monotonic()
        self._left = {trial_id: set(methods) for trial_id, methods in (cams or {}).items()}
        self._state = {trial.id: "waiting" for trial in trials}
        self._earlier = {trial.id: earlier_share(self.store, trial) for trial in trials}
        if self.console.is_terminal:
            with Live(get_renderable=self._table, console=self.console, refresh_per_second=1 / REFRESH_S):
                yield
        elif self.console.is_jupyter:  # rich's own way there needs ipywidgets, and a front end that has them
            from IPython.display import display

            cell = display(self._table(), display_id=True)
            with _every(REFRESH_S, lambda: cell.update(self._table())):
                yield
            cell.update(self._table())
        else:
            with _every(REPORT_S, self._report):
                yield

    def _report(self) -> None:
        rows = [self._row(trial) for trial in self._trials if self._progress(trial)][:_LOGGED_TRIALS]
        for line in (self._summary(), *(f"  {progress_line(row)}" for row in rows)):
            self.notice(line)

    def _progress(self, trial: Trial) -> Progress | None:
        if self._state[trial.id] != "running":
            return None
        return ProgressFile(self.store.folder(trial.id).progress).read()

    def _num_ended(self) -> int:
        return sum(state in _ENDED for state in self._state.values())

    def _fraction(self, trial: Trial) -> float:
        """Returns how much of the trial is done, by this run or an earlier one."""
        if self._state[trial.id] in _ENDED:
            return 1.0
        progress = self._progress(trial)
        return max(progress.fraction if progress else 0.0, self._earlier[trial.id])

    def _summary(self) -> str:
        elapsed_s = time.monotonic() - self._started_at
        if self._num_ended() == len(self._trials):
            return f"{len(self._trials)} of {len(self._trials)} trials done in {duration(elapsed_s)}"
        left_s = self._left_s(elapsed_s)
        left = "starting" if left_s is None else f"at most about {rough_duration(left_s)} left"
        return f"{self._num_ended()} of {len(self._trials)} trials done, {duration(elapsed_s)} so far, {left}"

    def _left_s(self, elapsed_s: float) -> float | None:
        """Returns the time until all is done, s, from those that train, else from the pace so far."""
        left = [trial for trial in self._trials if self._state[trial.id] not in _ENDED]
        times = {trial.id: self._trial_left_s(trial) for trial in left}
        shares = {trial.id: 1 - self._fraction(trial) for trial in left}
        known = [(left_s, shares[key]) for key, left_s in times.items() if left_s is not None]
        if known:
            num_running = sum(self._state[trial.id] == "running" for trial in left)
            return all_left_s(known, [shares[key] for key in times if times[key] is None], num_running)
        num_ended = len(self._trials) - len(left)
        done, earlier = num_ended + sum(1 - share for share in shares.values()), sum(self._earlier.values())
        return time_left(elapsed_s, done, len(self._trials), earlier)

    def _trial_left_s(self, trial: Trial) -> float | None:
        progress = self._progress(trial)
        return None if progress is None else trial_left_s(trial, progress, self.store.folder(trial.id))

    def _row(self, trial: Trial) -> TrialRow:
        title, progress = trial.title(trial.label), self._progress(trial)
        if progress is None:
            return TrialRow(title, self._state[trial.id])
        left_s = self._trial_left_s(trial)
        return TrialRow(title, "running", progress, "" if left_s is None else rough_duration(left_s))

    def _table(self) -> Table:
        rows = [self._row(trial) for trial in self._visible(max(self.console.height - 4, 4))]
        return progress_table(rows, self.console.width, self._summary())

    def _visible(self, height: int) -> list[Trial]:
        """The trials that fit the terminal: running ones first, then waiting, then ended."""
        rank = {"running": 0, "waiting": 1, "failed": 2, "blocked": 3, "finished": 4}
        chosen = sorted(self._trials, key=lambda trial: rank[self._state[trial.id]])[:height]
        return [trial for trial in self._trials if trial in chosen]


@contextmanager
def _every(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Does something again and again, in a thread, until the block ends."""
    stop = threading.Event()

    def repeat() -> None:
        while not stop.wait(seconds):
            act()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class View(Protocol):
    """Is told by the driver what happens to trials, once it is written down."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """So many images of a data set are decoded or checked."""

    def notice(self, sentence: str) -> None:
        """Something that a reader should know."""

    def started(self, trial: Trial) -> None:
        """The trial runs now."""

    def epoch(self, trial: Trial, row: EpochRow) -> None:
        """An epoch has ended; after a resumption the earlier ones are told again."""

    def ended(self, record: Record, metrics: Mapping[str, float]) -> None:
        """The trial is finished, with these metrics of it and its native map, or has failed.

        Other maps may still be evaluated.
        """

    def evaluated(self, trial: Trial, evaluation: CamEvaluation) -> None:
        """A map other than the native one was evaluated, or its evaluation failed."""

    def running(
        self, trials: Sequence[Trial], cams: Mapping[str, Sequence[CamMethod]] | None = None
    ) -> AbstractContextManager[None]:
        """Shows `trials` until the block ends; `cams` are, by id, the maps beside the native one."""
