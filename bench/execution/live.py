"""What a user sees of a run, on stderr: a live table on a terminal, a few lines elsewhere."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from bench.execution.progress import Progress, ProgressFile
from bench.results.record import CamEvaluation, Record, last_line
from bench.results.store import ResultsStore
from bench.suite.cam import CAM_NAMES, CamMethod
from bench.suite.trial import Trial

REFRESH_S = 0.5
_ENDED = ("finished", "failed", "blocked")
REPORT_S = 30.0
"""Seconds between lines where the output is no terminal."""


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

    def ended(self, record: Record) -> None:
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
            self._tell(trial_id, f"{record.status} in {duration(outcome.duration_s)}", outcome.metrics, None)

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
        what = f"{CAM_NAMES[evaluation.method]} {evaluation.status}"
        self._tell(trial.id, what, evaluation.metrics, evaluation.error)

    def _tell(self, trial_id: str, what: str, metrics: Mapping[str, float], error: str | None) -> None:
        line = f"[{self._num_ended()}/{len(self._trials)}] {trial_id}: {what}"
        accuracy = metrics.get("point_accuracy/weighted")
        if accuracy is not None:
            line += f", point accuracy {accuracy:.3f}"
        if error is not None:
            line += f": {last_line(error)}"
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    @contextmanager
    def running(
        self, trials: Sequence[Trial], cams: Mapping[str, Sequence[CamMethod]] | None = None
    ) -> Iterator[None]:
        """Shows `trials` until the block ends; `cams` are, by id, the maps beside the native one."""
        self._trials, self._started_at = trials, time.monotonic()
        self._left = {trial_id: set(methods) for trial_id, methods in (cams or {}).items()}
        self._state = {trial.id: "waiting" for trial in trials}
        if self.console.is_terminal:
            with Live(get_renderable=self._table, console=self.console, refresh_per_second=1 / REFRESH_S):
                yield
            return
        stop = threading.Event()
        reporter = threading.Thread(target=self._report_until, args=(stop,), daemon=True)
        reporter.start()
        try:
            yield
        finally:
            stop.set()
            reporter.join()

    def _report_until(self, stop: threading.Event) -> None:
        while not stop.wait(REPORT_S):
            self.console.print(self._summary(), highlight=False, soft_wrap=True)

    def _progress(self, trial: Trial) -> Progress | None:
        if self._state[trial.id] != "running":
            return None
        return ProgressFile(self.store.folder(trial.id).progress).read()

    def _num_ended(self) -> int:
        return sum(state in _ENDED for state in self._state.values())

    def _summary(self) -> str:
        fractions = []
        for trial in self._trials:
            progress = self._progress(trial)
            ended = self._state[trial.id] in _ENDED
            fractions.append(1.0 if ended else progress.fraction if progress else 0.0)
        done, elapsed_s = sum(fractions), time.monotonic() - self._started_at
        left = (
            f"about {duration(elapsed_s * (len(fractions) - done) / done)} left"
            if done > 0.02
            else "starting"
        )
        return f"{self._num_ended()} of {len(fractions)} trials done, {duration(elapsed_s)} so far, {left}"

    def _table(self) -> Table:
        has_bar = self.console.width >= 90
        table = Table(box=None, pad_edge=False, expand=True, caption=self._summary(), caption_justify="left")
        table.add_column("trial", ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column("state", min_width=16, no_wrap=True)
        if has_bar:
            table.add_column("", min_width=24)
        table.add_column("images/s", min_width=8, justify="right", no_wrap=True)
        for trial in self._visible(max(self.console.height - 4, 4)):
            progress = self._progress(trial)
            cells: list[RenderableType] = [
                trial.title(trial.label),
                progress.phase if progress else self._state[trial.id],
            ]
            if has_bar:
                cells.append(
                    ProgressBar(total=1.0, completed=progress.fraction, width=24) if progress else ""
                )
            speed = progress.images_per_s if progress else 0.0
            table.add_row(*cells, f"{speed:.0f}" if speed else "")
        return table

    def _visible(self, height: int) -> list[Trial]:
        """The trials that fit the terminal: running ones first, then waiting, then ended."""
        rank = {"running": 0, "waiting": 1, "failed": 2, "blocked": 3, "finished": 4}
        chosen = sorted(self._trials, key=lambda trial: rank[self._state[trial.id]])[:height]
        return [trial for trial in self._trials if trial in chosen]


def duration(seconds: float) -> str:
    """Returns seconds as people say them: 45 s, 3 min 20 s, 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
