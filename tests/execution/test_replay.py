"""A finished trial trained again in memory: where it leaves the recorded losses, and why that may be."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from records import finish_whole
from safetensors.torch import save_file
from trials import context_in, make_trial

from bench.errors import BenchError, ResultsError, SuiteError
from bench.execution.context import RunContext
from bench.execution.replay import changes_between, replay_trial
from bench.execution.trial import run_trial
from bench.models.encoders import build_encoder
from bench.results.record import Record
from bench.results.store import ResultsStore, TrialFolder
from bench.results.units import LOSS_COLUMNS, read_table, write_table
from bench.suite.identity import file_digest
from bench.suite.trial import Trial

STEPS = 3


trial_of = partial(make_trial, images=(10, 4, 4), batch_size=4, learning_rate=1e-3, max_epochs=2)


def finished(results: Path, trial: Trial, where: RunContext | None = None) -> tuple[TrialFolder, Record]:
    store = ResultsStore(results)
    store.announce(trial)
    record = finish_whole(store, trial, run_trial(trial, where or context_in(results)))
    return store.folder(trial.id), record


@pytest.fixture
def done(tmp_path):
    return finished(tmp_path, trial_of())


@pytest.mark.parametrize(("num_steps", "trained"), [(1, 1), (2 * STEPS - 1, 2 * STEPS - 1), (99, 2 * STEPS)])
def test_the_same_trial_has_the_same_losses(done, tmp_path, num_steps, trained):
    torch.rand(7)
    told = []
    found = replay_trial(*done, context_in(tmp_path), num_steps, lambda *step: told.append(step))
    assert (found.num_steps, found.num_recorded) == (trained, 2 * STEPS)
    assert found.difference is None
    assert found.changes == {}
    assert told == [(k, trained) for k in range(1, trained + 1)]


def test_nothing_in_the_results_is_touched(done, tmp_path):
    def state() -> dict[Path, tuple[int, bytes]]:
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    before = state()
    replay_trial(*done, context_in(tmp_path), 99)
    assert state() == before


def test_the_first_step_that_differs_is_told_with_both_losses(done, tmp_path):
    folder, record = done
    table = read_table(folder.losses)
    true = table["loss"][STEPS + 1]
    changed = torch.nextafter(torch.tensor(true), torch.tensor(9.0)).item()
    table.loc[STEPS + 1, "loss"] = changed
    table.loc[STEPS + 2, "loss"] = 5.0
    write_table(folder.losses, table, LOSS_COLUMNS)
    found = replay_trial(folder, record, context_in(tmp_path), 99).difference
    assert (found.epoch, found.step) == (2, 2)
    assert found.recorded == changed > found.found == true
    assert replay_trial(folder, record, context_in(tmp_path), STEPS + 1).difference is None


def test_provenance_that_differs_is_named(done):
    _, record = done
    before = record.outcome.provenance
    arithmetic = before.arithmetic.model_copy(update={"nondeterministic": ("upsample",)})
    packages = {**before.packages, "torch": "2.11.0"}
    after = before.model_copy(update={"device": "H100", "packages": packages, "arithmetic": arithmetic})
    assert changes_between(before, after) == {
        "packages.torch": (before.packages["torch"], "2.11.0"),
        "device": ("cpu", "H100"),
        "arithmetic.nondeterministic": ("()", "('upsample',)"),
    }


def test_a_trial_that_starts_from_another_is_replayed_from_its_weights(done, tmp_path):
    child = trial_of(init=trial_of(), max_epochs=1)
    found = replay_trial(*finished(tmp_path, child), context_in(tmp_path), 99)
    assert (found.num_steps, found.difference) == (STEPS, None)


def test_files_that_a_trial_names_by_content_have_to_be_given(tmp_path):
    weights = tmp_path / "encoder.safetensors"
    torch.manual_seed(0)
    save_file(build_encoder("tu-test_resnet").state_dict(), weights)
    digest = file_digest(weights)
    where = replace(context_in(tmp_path), files={digest: weights})
    done = finished(tmp_path, trial_of(weights=digest), where)
    assert replay_trial(*done, where, 99).difference is None
    with pytest.raises(SuiteError, match="--suite FILE") as error:
        replay_trial(*done, context_in(tmp_path), 99)
    assert error.value.value == digest


def test_what_cannot_be_replayed_is_a_sentence(done, tmp_path):
    folder, record = done
    failed = record.model_copy(update={"status": "failed", "outcome": None})
    with pytest.raises(ResultsError) as error:
        replay_trial(folder, failed, context_in(tmp_path), 9)
    assert error.value.place == str(folder.path)
    folder.losses.unlink()
    with pytest.raises(BenchError) as error:
        replay_trial(folder, record, context_in(tmp_path), 9)
    assert error.value.place == str(folder.losses)
