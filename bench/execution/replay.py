"""Trains a finished trial's first steps again, in memory, and compares their losses with the recorded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.data.dataset import DataContext
from bench.data.loading import dataset_digest
from bench.errors import ResultsError, SuiteError, listing
from bench.execution.context import RunContext
from bench.execution.prepare import prepare
from bench.results.differences import differences, facts_of
from bench.results.provenance import DRAWN, Provenance, describe
from bench.results.record import Record
from bench.results.store import TrialFolder
from bench.results.units import read_table
from bench.suite.identity import DIGEST_PREFIX
from bench.suite.suite_files import IMAGES_PREFIX
from bench.suite.trial import Trial
from bench.training.determinism import collecting_nondeterminism
from bench.training.device_errors import explaining_device_errors
from bench.training.losses import Losses
from bench.training.precision import describe_arithmetic, device_name
from bench.training.session import Session


@dataclass(frozen=True)
class LossDifference:
    """The first step whose loss is not the recorded one; epoch and step count from 1."""

    epoch: int
    step: int
    recorded: float
    found: float

    @property
    def gap(self) -> float:
        """How much larger the loss is now."""
        return self.found - self.recorded


@dataclass(frozen=True)
class Replayed:
    """How a replay ended.

    Attributes:
        num_steps: steps that were trained again.
        num_recorded: steps that the trial has.
        difference: the first one, or None if all losses are equal to the bit.
        changes: facts of the provenance that differ, by name: then, now.
    """

    num_steps: int
    num_recorded: int
    difference: LossDifference | None
    changes: Mapping[str, tuple[str, str]]


def replay_trial(
    folder: TrialFolder,
    record: Record,
    context: RunContext,
    num_steps: int,
    on_step: Callable[[int, int], None] = lambda *_: None,
) -> Replayed:
    """Returns at which step a finished trial, trained again, first has another loss than recorded, if any.

    Nothing is written to the results folder; images that are not decoded yet are, into the context's cache.

    Args:
        folder: the trial's.
        record: the one in it.
        context: where data and files are.
        num_steps: steps to train; all of the trial's if it has fewer.
        on_step: called with (done, total).

    Raises:
        BenchError: the trial has no losses, or data or files that it names are not there.
    """
    if record.outcome is None:
        raise ResultsError("the trial has failed; only a finished one can be replayed", place=folder.path)
    if record.trial.subject is not None:
        raise ResultsError("was trained elsewhere: there are no steps to train again", place=record.trial.id)
    if not folder.losses.exists():
        raise ResultsError("is missing, so there are no losses to compare with", place=folder.losses)
    table = read_table(folder.losses)
    total = min(num_steps, len(table))
    require_files(record.trial, context)
    with collecting_nondeterminism() as nondeterministic:
        found, provenance = _train(record.trial, context, total, nondeterministic, on_step)
    recorded = table["loss"].to_numpy(np.float32)[:total]
    differing = np.flatnonzero(recorded.view(np.uint32) != found.view(np.uint32))
    difference = None
    if len(differing):
        first = int(differing[0])
        row = table.iloc[first]
        difference = LossDifference(
            int(row["epoch"]), int(row["step"]), float(recorded[first]), float(found[first])
        )
    changes = changes_between(record.outcome.provenance, provenance)
    return Replayed(total, len(table), difference, changes)


def require_files(trial: Trial, context: RunContext) -> None:
    """Checks that the files that the trial names by digest can be found.

    Raises:
        SuiteError: one cannot; the sentence says how to give it.
    """
    named = [trial.weights, *_words(trial.dataset.model_dump())]
    digests = [word for word in named if word.startswith((DIGEST_PREFIX, IMAGES_PREFIX))]
    missing = [word for word in digests if word not in context.files]
    if missing:
        raise SuiteError(
            f"names files by their content, and their paths are not known: {listing(missing)}; give the "
            "suite that it was run from with --suite FILE",
            place=trial.id,
            value=missing[0],
        )


def changes_between(before: Provenance, after: Provenance) -> dict[str, tuple[str, str]]:
    """Returns the facts that differ, by dotted name: the value before and after, "-" where one has none."""
    old, new = facts_of(before), facts_of(after)
    found = differences({"before": old, "after": new})
    return {one.fact: (old.get(one.fact, "-"), new.get(one.fact, "-")) for one in found}


def _train(
    trial: Trial,
    context: RunContext,
    num_steps: int,
    nondeterministic: set[str],
    on_step: Callable[[int, int], None],
) -> tuple[Losses, Provenance]:
    """Returns the losses of the first `num_steps` steps, and their provenance."""
    ready = prepare(trial, context)
    with explaining_device_errors(trial, ready.device):
        session, done = Session(ready.model, ready.data, trial, ready.device), 0
        while done < num_steps:
            for _ in session.steps():
                done += 1
                on_step(done, num_steps)
                if done == num_steps:
                    break
            else:
                session.end_epoch()
        losses: Losses = session.losses.to_tensor().numpy()
    arithmetic = describe_arithmetic(trial.recipe, ready.device, nondeterministic)
    place = (device_name(ready.device), arithmetic.training, arithmetic.num_threads)
    where = DataContext(context.data_root, context.cache_dir, context.files)
    digest = dataset_digest(trial.dataset, where) or DRAWN
    return losses, describe(*place, data=digest, arithmetic=arithmetic, trial=trial)


def _words(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [word for item in value.values() for word in _words(item)]
    return [value] if isinstance(value, str) else []
