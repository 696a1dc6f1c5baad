"""The training of one trial, on disk: epochs of steps and validation, checkpoints, the best weights.

A run that is killed anywhere goes on from its last checkpoint and ends with the same numbers: all that a step
depends on is in it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from bench.data.dataset import Dataset
from bench.errors import ResultsError, TrainingError, brief
from bench.results.record import EpochRow
from bench.results.store import TrialFolder
from bench.results.units import LOSS_COLUMNS, write_table
from bench.suite.trial import Trial
from bench.training.checkpoint import CheckpointKeeper
from bench.training.phases import PhaseClock
from bench.training.session import Session, Step


@dataclass(frozen=True)
class History:
    """How training went.

    Attributes:
        rows: one per epoch.
        best_epoch: epoch of the lowest validation loss, from 1.
        notes: sentences for the record.
        num_skipped_steps: steps that changed nothing, since gradients overflowed float16.
    """

    rows: tuple[EpochRow, ...]
    best_epoch: int
    notes: tuple[str, ...]
    num_skipped_steps: int


def train(
    model: nn.Module,
    data: Dataset,
    trial: Trial,
    device: torch.device,
    folder: TrialFolder,
    *,
    on_step: Callable[[Step], None],
    on_epoch: Callable[[EpochRow], None],
    nondeterministic: set[str],
    checkpoint_every_s: float,
    clock: PhaseClock,
    should_stop: Callable[[], bool] = lambda: False,
) -> History:
    """Trains `model` in place and returns the history; the best weights are in the trial's folder.

    Goes on from the folder's checkpoints if there are any.

    Args:
        model: on `device`, freshly initialised.
        data: the trial's data set.
        trial: recipe, seed, resolution.
        device: where to train.
        folder: receives checkpoints, best weights, history and losses of all steps.
        on_step: called after every step.
        on_epoch: called at the end of every epoch; after a resumption also for the earlier ones, and again
            for those that came after the checkpoint.
        nondeterministic: receives operations without a deterministic algorithm, also those of earlier runs;
            the caller adds those that it collects meanwhile.
        checkpoint_every_s: least time between checkpoints; 0 is after every step and epoch. The last one is
            written in any case. What came after a checkpoint is computed again, to the same bits.
        clock: of the trial; receives the time of earlier runs as far as it counts.
        should_stop: asked after every step.

    Raises:
        TrainingError: a loss or statistic is not finite any more, or no epoch had a finite validation loss.
        ResultsError: its state cannot be written, as on a full disk.
        KeyboardInterrupt: it should stop; the checkpoint of the last step is written.
    """
    session = Session(model, data, trial, device)
    session.nondeterministic = nondeterministic
    with CheckpointKeeper(folder) as keeper:
        _resume(session, keeper, clock)
        folder.write_history(session.rows)
        _write_losses(session, folder)
        for row in session.rows:
            on_epoch(row)
        while not session.is_over:
            for step in session.steps():
                on_step(step)
                keeper.check()
                is_last = should_stop()
                if is_last or keeper.age_s >= checkpoint_every_s:
                    _save(session, keeper, clock)
                if is_last:
                    keeper.wait()
                    raise KeyboardInterrupt
            with clock.phase("validate"):
                is_best = session.end_epoch()
            if is_best:
                with clock.phase("save"):
                    keeper.keep_best(model)
            if session.is_over or keeper.age_s >= checkpoint_every_s:
                _save(session, keeper, clock)
            folder.write_history(session.rows)
            on_epoch(session.rows[-1])
        best_epoch = session.schedule.best_epoch
        if best_epoch == 0:
            raise TrainingError(
                f"no finite validation loss in {len(session.rows)} epochs; no best checkpoint"
            )
        with clock.phase("save"):
            keeper.publish_best(best_epoch)
    return History(tuple(session.rows), best_epoch, session.notes, session.num_skipped_steps)


def _save(session: Session, keeper: CheckpointKeeper, clock: PhaseClock) -> None:
    with clock.phase("save"):
        keeper.save(session.capture() | {"phases_s": clock.seconds()})
        _write_losses(session, keeper.folder)


def _resume(session: Session, keeper: CheckpointKeeper, clock: PhaseClock) -> None:
    """Goes on from the latest checkpoint that is whole; from the beginning if there is none."""
    state = keeper.load()
    if state is not None:
        before, now = state["data"], session.data.digest
        if before != now:
            raise ResultsError(
                f"it was trained in part on other data ({before}) than the present data ({now}); put the "
                "former back, or move its *.ckpt files away to begin anew",
                place=keeper.folder.path,
                value=now,
            )
        try:
            session.restore(state)
            clock.add(state["phases_s"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ResultsError(
                f"its checkpoint is not of this trial as this version trains it ({type(error).__name__}: "
                f"{brief(error)}); move its *.ckpt files away to begin anew",
                place=keeper.folder.path,
            ) from None
    session.remarks += keeper.notes


def _write_losses(session: Session, folder: TrialFolder) -> None:
    """Writes the losses as they are at a checkpoint; after a resumption they may be ahead of it."""
    write_table(folder.losses, session.losses.table(), LOSS_COLUMNS)
