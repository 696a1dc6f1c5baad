"""Shows a run: a live table on a terminal or in a notebook, a few lines elsewhere."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import mean

from rich.console import Console
from rich.live import Live
from rich.table import Table

from bench.amounts import duration, rough_duration
from bench.execution.progress import ProgressFile, earlier_share, trial_left_s
from bench.execution.progress_table import TrialRow, progress_line, progress_table
from bench.results.record import CamEvaluation, Record, last_line
from bench.results.store import ResultsStore
from bench.suite.cam import cam_title
from bench.suite.metrics import PRIMARY, WEIGHTED
from bench.suite.trial import Trial
from bench.tracking.observer import RunObserver

REFRESH_S = 0.5
REPORT_S = 30.0
"""Seconds between lines where the output is no terminal."""

_ENDED = ("finished", "failed", "blocked")

_LOGGED_TRIALS = 8
"""Trials that have a line of their own there."""

_MIN_DONE = 0.02
"""Trials that a run has to have done before its speed says how long it still takes."""

_RANKS = {"running": 0, "waiting": 1, "failed": 2, "blocked": 3, "finished": 4}
"""States; a terminal that is too short for all trials shows the first ones."""


@dataclass
class _Decoding:
    """Images that are decoded: what, how many were there at the start, when that was and was last shown."""

    what: str
    first: int
    started_at_s: float
    shown_at_s: float

    def speed(self, done: int, total: int, now_s: float) -> str:
        """Returns images per second and the time left, or nothing if they are not known."""
        elapsed_s = now_s - self.started_at_s
        if done == self.first or elapsed_s <= 0:
            return ""
        rate = (done - self.first) / elapsed_s
        left = f", {duration((total - done) / rate)} left" if done < total else f" in {duration(elapsed_s)}"
        return f", {rate:.0f} images/s{left}"


class Display(RunObserver):
    """Follows trials through the progress files in their folders, whoever runs them."""

    def __init__(self, store: ResultsStore, console: Console | None = None) -> None:
        self.store = store
        self.console = console or Console(stderr=True)
        self._trials: Sequence[Trial] = ()
        self._state: dict[str, str] = {}
        self._left: dict[str, set[str]] = {}
        self._started_at = time.monotonic()
        self._earlier: list[float] = []  # share of each trial that was done before this run
        self._decoding: _Decoding | None = None

    def preparing(self, what: str, done: int, total: int) -> None:
        """Shows progress of decoding a data set: in place on a terminal, a few lines elsewhere."""
        now_s = time.monotonic()
        if self._decoding is None or self._decoding.what != what or done < self._decoding.first:
            self._decoding = _Decoding(what, done, now_s, now_s)
        line = f"{what}: {done}/{total}{self._decoding.speed(done, total, now_s)}"
        if self.console.is_terminal:
            width = self.console.width - 1  # a full line would wrap, and not be overwritten
            end = "\n" if done == total else "\r"
            self.console.print(line[:width].ljust(width), end=end, highlight=False, markup=False)
        elif done == total or now_s - self._decoding.shown_at_s > REPORT_S:
            self._decoding.shown_at_s = now_s
            self.notice(line)

    def notice(self, sentence: str) -> None:
        """Shows a line that stays."""
        self.console.print(sentence, highlight=False, markup=False, soft_wrap=True)

    def started(self, trial: Trial) -> None:
        """Marks the trial as running."""
        self._state[trial.id] = "running"

    def ended(self, record: Record, metrics: Mapping[str, float]) -> None:
        """Marks the trial as finished or failed, with one line that stays; it runs on while maps are left.

        Trials that start from a failed one are blocked, and have a line too.
        """
        trial_id, outcome = record.trial.id, record.outcome
        if record.status == "failed" or not self._left.get(trial_id):
            self._state[trial_id] = record.status
        if outcome is not None:
            self._tell(trial_id, f"{record.status} in {duration(outcome.duration_s)}", metrics, None)
            return
        self._tell(trial_id, record.status, {}, record.error)
        for trial in self._trials:
            if self._state[trial.id] == "waiting" and record.trial in trial.ancestors():
                self._state[trial.id] = "blocked"
                self._tell(trial.id, f"blocked because {trial_id} failed", {}, record.error)

    def evaluated(self, record: Record, evaluation: CamEvaluation) -> None:
        """Shows one line that stays; the trial has ended with its last map."""
        trial_id = record.trial.id
        left = self._left.setdefault(trial_id, set())
        left.discard(evaluation.name)
        if not left:
            self._state[trial_id] = "finished"
        checked = "" if evaluation.part == "scores" else "sanity checks of "
        what = f"{checked}{cam_title(evaluation.method)} {evaluation.status}"
        if evaluation.duration_s is not None:
            what += f" in {duration(evaluation.duration_s)}"
        self._tell(trial_id, what, evaluation.metrics, evaluation.error)

    def _tell(self, trial_id: str, what: str, metrics: Mapping[str, float], error: str | None) -> None:
        num_ended = sum(state in _ENDED for state in self._state.values())
        line = f"[{num_ended}/{len(self._trials)}] {trial_id}: {what}"
        value = metrics.get(PRIMARY.key(WEIGHTED))
        if value is not None:
            line += f", {PRIMARY.phrase} {value:.3f}"
        if error is not None:
            line += f": {last_line(error)}"
        self.notice(line)

    @contextmanager
    def running(
        self, trials: Sequence[Trial], evaluations: Mapping[str, Sequence[str]] | None = None
    ) -> Iterator[None]:
        """Shows `trials` until the block ends; see `RunObserver`."""
        self._trials, self._started_at = trials, time.monotonic()
        self._left = {trial_id: set(names) for trial_id, names in (evaluations or {}).items()}
        self._state = {trial.id: "waiting" for trial in trials}
        self._earlier = [earlier_share(trial, self.store.folder(trial.id)) for trial in trials]
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

    def rows(self) -> list[TrialRow]:
        """Returns how each trial is now, in their order; progress of running ones is read from disk."""
        found = []
        for trial in self._trials:
            state, folder = self._state[trial.id], self.store.folder(trial.id)
            progress = ProgressFile(folder.progress).read() if state == "running" else None
            left_s = None if progress is None else trial_left_s(trial, progress, folder)
            found.append(TrialRow(trial.title(trial.label), state, progress, left_s))
        return found

    def summary(self, rows: Sequence[TrialRow]) -> str:
        """Returns how many trials are done, and how long the others take, in words."""
        elapsed_s, num_ended = time.monotonic() - self._started_at, sum(row.state in _ENDED for row in rows)
        if num_ended == len(rows):
            return f"{len(rows)} of {len(rows)} trials done in {duration(elapsed_s)}"
        left_s = all_left_s(rows, self._earlier, elapsed_s)
        left = "starting" if left_s is None else f"at most about {rough_duration(left_s)} left"
        return f"{num_ended} of {len(rows)} trials done, {duration(elapsed_s)} so far, {left}"

    def _report(self) -> None:
        rows = self.rows()
        said = [row for row in rows if row.progress is not None][:_LOGGED_TRIALS]
        for line in (self.summary(rows), *(f"  {progress_line(row)}" for row in said)):
            self.notice(line)

    def _table(self) -> Table:
        rows = self.rows()
        ranked = sorted(range(len(rows)), key=lambda index: _RANKS[rows[index].state])
        shown = sorted(ranked[: max(self.console.height - 4, 4)])
        return progress_table([rows[index] for index in shown], self.console.width, self.summary(rows))


def all_left_s(rows: Sequence[TrialRow], earlier: Sequence[float], elapsed_s: float) -> float | None:
    """Returns the time until all trials have ended, s, as if no place was ever idle; None if it is not known.

    From the time left of trials that train, whose mean the others take; before any trains, from the speed so
    far.

    Args:
        rows: of all trials.
        earlier: share of each trial that an earlier run has done, and this one took no time for.
        elapsed_s: since this run began.
    """
    left = [
        (row, 1 - max(row.progress.fraction if row.progress else 0.0, share))
        for row, share in zip(rows, earlier, strict=True)
        if row.state not in _ENDED
    ]
    known = [(row.left_s, share) for row, share in left if row.left_s is not None]
    if known:
        lefts, num_running = [left_s for left_s, _ in known], sum(row.state == "running" for row, _ in left)
        whole_s = mean(left_s / share for left_s, share in known)
        others_s = whole_s * sum(share for row, share in left if row.left_s is None)
        return max((sum(lefts) + others_s) / num_running, *lefts)
    to_do = sum(share for _, share in left)
    done_by_this_run = len(rows) - to_do - sum(earlier)
    return elapsed_s * to_do / done_by_this_run if done_by_this_run > _MIN_DONE else None


@contextmanager
def _every(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Calls `act` again and again, in a thread, until the block ends."""
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
