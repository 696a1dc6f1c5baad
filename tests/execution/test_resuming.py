"""A trial that is killed at any moment and run again: the same numbers to the bit, and nothing left over."""

import errno
import math
import random
import shutil
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from records import finish_whole
from torch import nn
from trials import context_in, make_trial

from bench.data.dataset import DataContext
from bench.data.loading import load_dataset
from bench.errors import ResultsError
from bench.execution.trial import run_trial
from bench.models import build_model
from bench.models.blocks import CamOutput
from bench.results.store import ResultsStore, TrialFolder
from bench.results.units import read_table
from bench.suite.trial import Trial
from bench.training import checkpoint, session
from bench.training.checkpoint import CheckpointKeeper
from bench.training.loop import train
from bench.training.phases import PhaseClock
from bench.training.precision import Precision
from bench.training.session import Session

EPOCHS, STEPS = 3, 3
OPTIMISE = Session._optimise


trial_of = partial(
    make_trial, model="pylon", images=(20, 8, 8), batch_size=8, learning_rate=1e-3, max_epochs=EPOCHS
)
context = partial(context_in, checkpoint_every_s=0)


def folder_of(results: Path, trial: Trial) -> TrialFolder:
    return ResultsStore(results).folder(trial.id)


def numbers(results: Path, trial: Trial) -> dict[str, object]:
    """All that has to be equal: not the times."""
    folder = folder_of(results, trial)
    rows = [(r.epoch, r.learning_rate, r.train_loss, r.val_loss) for r in folder.read_history()]
    tables = {
        path.stem: read_table(path).to_csv()
        for path in (folder.cam_units("native"), folder.boxes, folder.losses)
    }
    return {"rows": rows, "weights": folder.best_weights.read_bytes(), **tables}


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """A trial that ran in one go, with its outcome and numbers."""
    folder, trial = tmp_path_factory.mktemp("reference"), trial_of()
    outcome = run_trial(trial, context(folder))
    return trial, outcome, numbers(folder, trial)


class Killed(BaseException):
    """Ends a run as a kill does: nothing of the harness catches it."""


def disturb() -> None:
    """What another process may have done to the global random states."""
    random.random()
    np.random.rand(3)  # noqa: NPY002 - the global state is meant
    torch.rand(3)


def test_killed_at_every_file_that_appears_and_resumed_equals_uninterrupted(reference, tmp_path, monkeypatch):
    """Each run gets one rename further than the one before it: between any two of them the disk is as it is
    after a kill. The first runs never finish a checkpoint, the last ones are killed while they score."""
    trial, outcome, expected = reference
    true_replace = Path.replace
    countdown = [math.inf]

    def replace_or_die(self, target):
        countdown[0] -= 1
        if countdown[0] < 0:
            raise Killed
        return true_replace(self, target)

    monkeypatch.setattr(Path, "replace", replace_or_die)
    kills, resumed = 0, None
    for allowed in range(1, 100):
        countdown[0] = allowed
        disturb()
        try:
            resumed = run_trial(trial, context(tmp_path))
            break
        except Killed:
            kills += 1
    assert kills >= 8
    assert resumed is not None
    assert numbers(tmp_path, trial) == expected
    assert resumed.metrics == outcome.metrics
    assert resumed.notes == outcome.notes
    assert not list(folder_of(tmp_path, trial).path.glob(".*.partial"))


@pytest.mark.parametrize("step", [0, 2, 3, 7])
def test_killed_after_any_step_goes_on_from_it(reference, tmp_path, monkeypatch, step):
    trial, _, expected = reference
    taken = count_steps(monkeypatch, die_at=step)
    with pytest.raises(Killed):
        run_trial(trial, context(tmp_path))
    disturb()
    run_trial(trial, context(tmp_path))
    assert numbers(tmp_path, trial) == expected
    assert len(taken) == EPOCHS * STEPS + 1  # the one that died is taken again, and no other


def test_loss_scaler_goes_on_from_where_it_was(tmp_path, monkeypatch):
    trial = trial_of(model="baseline", precision="float16", max_epochs=1)
    run_trial(trial, context(tmp_path / "straight"))
    count_steps(monkeypatch, die_at=1)
    with pytest.raises(Killed):
        run_trial(trial, context(tmp_path / "killed"))
    disturb()
    run_trial(trial, context(tmp_path / "killed"))
    assert numbers(tmp_path / "killed", trial) == numbers(tmp_path / "straight", trial)


@pytest.mark.slow
def test_compiled_training_is_resumed_to_the_bit(tmp_path, monkeypatch):
    """The last batch is smaller: once torch has seen it, it may compile for any size, to other bits."""

    def depends_on_what_is_known(graph, inputs):
        is_static = not any(isinstance(one, torch.SymInt) for one in inputs)

        def call(*given):
            outputs = graph(*given)
            return outputs if is_static else tuple(one * (1 + 2**-20) for one in outputs)

        return call

    monkeypatch.setattr("bench.training.precision.BACKEND", depends_on_what_is_known)
    trial = trial_of(model="baseline", max_epochs=2, compile=True)
    run_trial(trial, context(tmp_path / "straight"))
    with monkeypatch.context() as patch:
        count_steps(patch, die_at=STEPS + 1)
        with pytest.raises(Killed):
            run_trial(trial, context(tmp_path / "killed"))
    torch.compiler.reset()  # as a new process begins
    run_trial(trial, context(tmp_path / "killed"))
    assert numbers(tmp_path / "killed", trial) == numbers(tmp_path / "straight", trial)


@pytest.mark.parametrize(("before", "after"), [("float32", "float16"), ("float16", "float32")])
def test_going_on_in_the_precision_of_another_place_keeps_what_it_can(tmp_path, monkeypatch, before, after):
    """As from a CPU to a GPU and back, with what `auto` and the optimizer are there."""

    def place(name):
        monkeypatch.setattr(session, "choose_precision", lambda recipe, device: Precision(name, device))
        monkeypatch.setattr(session, "uses_fused_adam", lambda device: name == "float16")
        monkeypatch.setattr(session, "device_name", lambda device: f"where {name} is")

    trial = trial_of(model="baseline", max_epochs=2)
    place(before)
    count_steps(monkeypatch, die_at=4)
    with pytest.raises(Killed):
        run_trial(trial, context(tmp_path))
    place(after)
    monkeypatch.setattr(Session, "_optimise", OPTIMISE)
    outcome = run_trial(trial, context(tmp_path))
    (note,) = [note for note in outcome.notes if note.startswith("trained up to")]
    assert note.startswith(f"trained up to epoch 2, step 1 on where {before} is in {before} with torch ")
    assert f"from there on where {after} is in {after} with torch " in note
    assert "kept: weights, optimizer" in note
    assert note.endswith("not kept: the last digits, the loss scale")
    losses = read_table(folder_of(tmp_path, trial).losses)["loss"]
    assert len(losses) == 2 * STEPS
    assert np.isfinite(losses).all()


@pytest.mark.parametrize("is_fused", [True, False])
def test_the_optimizer_goes_on_by_the_ways_of_its_device(tmp_path, monkeypatch, is_fused):
    def session_of(fused: bool) -> Session:
        monkeypatch.setattr(session, "uses_fused_adam", lambda device: fused)
        data = load_dataset(trial.dataset, trial.resolution, DataContext(None, tmp_path, {}))
        model = build_model(trial.model, num_classes=len(data.findings), encoder=trial.encoder)
        return Session(model, data, trial, torch.device("cpu"))

    trial = trial_of(model="baseline")
    earlier, later = session_of(not is_fused), session_of(is_fused)
    for _ in earlier.steps():
        pass
    later.restore(earlier.capture())
    later.end_epoch()
    for _ in later.steps():
        pass
    assert bool(later.optimizer.param_groups[0]["fused"]) is is_fused
    assert {int(state["step"]) for state in later.optimizer.state.values()} == {2 * STEPS}
    assert later.num_skipped_steps == 0


def count_steps(monkeypatch, die_at=-1) -> list[int]:
    """Returns a list that grows with each optimisation step; the one after `die_at` is killed."""
    taken: list[int] = []
    optimise = Session._optimise

    def counted(self, batch):
        taken.append(len(taken))
        if len(taken) == die_at + 1:
            raise Killed
        return optimise(self, batch)

    monkeypatch.setattr(Session, "_optimise", counted)
    return taken


def killed_in_epoch_three(trial: Trial, results: Path) -> TrialFolder:
    def kill(row):
        if row.epoch == 2:
            raise Killed

    with pytest.raises(Killed):
        run_trial(trial, context(results), kill)
    return folder_of(results, trial)


@pytest.mark.parametrize("damage", ["truncated", "one bit", "something else"])
def test_damaged_checkpoint_is_told_and_the_one_before_is_taken(reference, tmp_path, caplog, damage):
    trial, outcome, expected = reference
    last = killed_in_epoch_three(trial, tmp_path).last_checkpoint
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(
        {
            "truncated": bytes(content[:-1000]),
            "one bit": bytes(content),
            "something else": b"PK\3\4",
        }[damage]
    )
    told = run_trial(trial, context(tmp_path))
    assert numbers(tmp_path, trial) == expected
    assert told.metrics == outcome.metrics
    (note,) = set(told.notes) - set(outcome.notes)
    assert note.startswith(f"{last}: is ")
    assert note.endswith("; went on from an earlier state")
    assert note in caplog.text


def test_without_any_whole_checkpoint_training_begins_anew(reference, tmp_path, monkeypatch):
    trial, _, expected = reference
    folder = killed_in_epoch_three(trial, tmp_path)
    for path in folder.checkpoints:
        path.write_bytes(path.read_bytes()[:-1])
    taken = count_steps(monkeypatch)
    outcome = run_trial(trial, context(tmp_path))
    assert len(taken) == EPOCHS * STEPS
    assert numbers(tmp_path, trial) == expected
    assert len([note for note in outcome.notes if "is damaged" in note]) == 2


def test_a_note_of_damage_survives_the_next_kill(reference, tmp_path):
    trial, _, expected = reference
    folder = killed_in_epoch_three(trial, tmp_path)
    folder.last_checkpoint.write_bytes(b"")

    def kill(row):
        if row.epoch == EPOCHS:
            raise Killed

    with pytest.raises(Killed):
        run_trial(trial, context(tmp_path), kill)
    outcome = run_trial(trial, context(tmp_path))
    assert numbers(tmp_path, trial) == expected
    assert len([note for note in outcome.notes if "went on from an earlier state" in note]) == 1


def test_checkpoint_without_its_best_weights_is_not_used(reference, tmp_path):
    trial, _, expected = reference
    folder = killed_in_epoch_three(trial, tmp_path)
    folder.drop_weights()
    outcome = run_trial(trial, context(tmp_path))
    assert numbers(tmp_path, trial) == expected
    assert any("lacks its best-" in note for note in outcome.notes)


def test_checkpoint_of_another_model_is_one_sentence(tmp_path):
    pan, other = trial_of(model="pan"), trial_of(model="baseline")
    source, target = killed_in_epoch_three(other, tmp_path), folder_of(tmp_path, pan)
    shutil.copytree(source.path, target.path)
    with pytest.raises(ResultsError, match="RuntimeError") as error:
        run_trial(pan, context(tmp_path))
    assert error.value.place == str(target.path)


def test_a_checkpoint_that_holds_code_is_refused_and_not_run(reference, tmp_path):
    import hashlib
    import io

    trial, _, expected = reference
    folder = killed_in_epoch_three(trial, tmp_path)
    buffer = io.BytesIO()
    torch.save({"schedule": Exploit(tmp_path / "pwned")}, buffer)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    folder.last_checkpoint.write_bytes(f"bench checkpoint 2 {digest}\n".encode() + buffer.getvalue())
    outcome = run_trial(trial, context(tmp_path))
    assert not (tmp_path / "pwned").exists()
    assert numbers(tmp_path, trial) == expected
    assert any("holds more than tensors and plain data" in note for note in outcome.notes)


class Exploit:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_history_and_losses_follow_the_checkpoint_whatever_was_written_last(reference, tmp_path):
    trial, _, expected = reference
    folder = killed_in_epoch_three(trial, tmp_path)
    folder.history.unlink()
    folder.losses.unlink()
    run_trial(trial, context(tmp_path))
    assert numbers(tmp_path, trial) == expected


def test_interval_between_checkpoints_moves_no_number(reference, tmp_path):
    trial, _, expected = reference
    run_trial(trial, replace(context(tmp_path), checkpoint_every_s=1e9))
    assert numbers(tmp_path, trial) == expected


def count_writes(monkeypatch) -> list[int]:
    """Returns a list that gets the number of epochs in each checkpoint that is written."""
    written: list[int] = []
    write = checkpoint.write_checkpoint

    def counted(state, path):
        written.append(len(state["rows"]))
        write(state, path)

    monkeypatch.setattr(checkpoint, "write_checkpoint", counted)
    return written


def test_within_the_interval_only_the_end_writes_a_checkpoint(reference, tmp_path, monkeypatch):
    trial, _, expected = reference
    written, epochs = count_writes(monkeypatch), []
    run_trial(trial, replace(context(tmp_path), checkpoint_every_s=1e9), epochs.append)
    assert written == [EPOCHS]
    assert len(epochs) == EPOCHS
    assert numbers(tmp_path, trial) == expected


@pytest.mark.parametrize(("saved_after", "killed_at"), [(2, 5), (2, 8), (4, 7), (6, 8)])
def test_what_came_after_the_last_checkpoint_is_computed_again(
    reference, tmp_path, monkeypatch, saved_after, killed_at
):
    """Best weights too: those of epochs that ended since are nowhere on the disk."""
    trial, _, expected = reference
    with monkeypatch.context() as patch:
        taken = count_steps(patch, die_at=killed_at)
        due = property(lambda self: math.inf if len(taken) == saved_after else 0.0)
        patch.setattr(CheckpointKeeper, "age_s", due)
        with pytest.raises(Killed):
            run_trial(trial, replace(context(tmp_path), checkpoint_every_s=1.0))
    assert folder_of(tmp_path, trial).last_checkpoint.exists()
    disturb()
    again = count_steps(monkeypatch)
    run_trial(trial, replace(context(tmp_path), checkpoint_every_s=1e9))
    assert len(again) == EPOCHS * STEPS - saved_after
    assert numbers(tmp_path, trial) == expected


def test_a_checkpoint_is_written_beside_training_as_the_state_was(reference, tmp_path, monkeypatch):
    """It is begun after the second step and ended when two more are done; then the run is killed."""
    trial, _, expected = reference
    went_on, late = threading.Event(), []
    write = checkpoint.write_checkpoint

    def write_late(state, path):
        late.append(went_on.wait(timeout=60))
        write(state, path)

    with monkeypatch.context() as patch:
        taken = count_steps(patch, die_at=4)
        optimise = Session._optimise

        def going_on(self, batch):
            if len(taken) == 4:
                went_on.set()
            return optimise(self, batch)

        patch.setattr(Session, "_optimise", going_on)
        patch.setattr(checkpoint, "write_checkpoint", write_late)
        due = property(lambda self: math.inf if len(taken) == 2 else 0.0)
        patch.setattr(CheckpointKeeper, "age_s", due)
        with pytest.raises(Killed):
            run_trial(trial, replace(context(tmp_path), checkpoint_every_s=1.0))
    assert late == [True]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("checkpoint")]
    again = count_steps(monkeypatch)
    run_trial(trial, context(tmp_path))
    assert len(again) == EPOCHS * STEPS - 2
    assert numbers(tmp_path, trial) == expected


def test_who_stops_a_trial_finds_the_checkpoint_of_its_last_step(reference, tmp_path, monkeypatch):
    trial, _, expected = reference
    rarely = replace(context(tmp_path), checkpoint_every_s=1e9, stop=tmp_path / "stop")
    with monkeypatch.context() as patch:
        patch.setattr("bench.execution.stopping.LOOK_EVERY_S", 0.0)
        taken = count_steps(patch)
        optimise = Session._optimise

        def stopping(self, batch):
            if len(taken) == 4:
                rarely.stop.touch()
            return optimise(self, batch)

        patch.setattr(Session, "_optimise", stopping)
        with pytest.raises(KeyboardInterrupt):
            run_trial(trial, rarely)
    assert len(taken) == 5
    again = count_steps(monkeypatch)
    run_trial(trial, context(tmp_path))
    assert len(again) == EPOCHS * STEPS - 5
    assert numbers(tmp_path, trial) == expected


def test_at_most_two_checkpoints_with_their_weights_are_kept_and_none_when_finished(tmp_path):
    trial = trial_of(model="baseline", max_epochs=6)
    folder, most = folder_of(tmp_path, trial), 0

    def look(row):
        nonlocal most
        names = [path.name for path in folder.path.iterdir() if path.suffix in (".ckpt", ".safetensors")]
        most = max(most, len(names))
        assert {name for name in names if name.endswith(".ckpt")} <= {"last.ckpt", "previous.ckpt"}

    outcome = run_trial(trial, context(tmp_path), look)
    assert most <= 5  # with the weights that a checkpoint under way will speak of
    finish_whole(ResultsStore(tmp_path), trial, outcome)
    left = {path.name for path in folder.path.iterdir()}
    assert not [name for name in left if name.endswith(".ckpt") or name.startswith("best-")]
    assert {"best.safetensors", "history.csv", "losses.parquet", "logits.parquet", "boxes.parquet"} <= left


def test_time_of_interrupted_epochs_counts(tmp_path):
    trial = trial_of(model="baseline", max_epochs=2)
    folder = killed_by_full_disk(trial, tmp_path)
    outcome = run_trial(trial, context(tmp_path))
    rows = folder.read_history()
    assert outcome.duration_s >= round(sum(row.duration_s for row in rows), 2)
    assert pd.Series([row.duration_s for row in rows]).gt(0).all()


def killed_by_full_disk(trial: Trial, results: Path) -> TrialFolder:
    """Leaves a trial whose sixth write of a checkpoint found the disk full."""
    folder, written = folder_of(results, trial), [0]

    def full(path):
        written[0] += 1
        return OSError(errno.ENOSPC, "No space left on device") if written[0] == 6 else None

    with pytest.MonkeyPatch.context() as patch:
        write = checkpoint.write_checkpoint

        def write_or_fail(state, path):
            error = full(path)
            if error is not None:
                path.write_bytes(b"half")
                raise error
            write(state, path)

        patch.setattr(checkpoint, "write_checkpoint", write_or_fail)
        with pytest.raises(ResultsError, match="the disk is full; make room"):
            run_trial(trial, context(results))
    return folder


def test_disk_full_while_a_checkpoint_is_written_keeps_the_one_before(reference, tmp_path):
    trial, outcome, expected = reference
    folder = killed_by_full_disk(trial, tmp_path)
    assert all(path.exists() for path in folder.checkpoints)
    resumed = run_trial(trial, context(tmp_path))
    assert numbers(tmp_path, trial) == expected
    assert resumed.notes == outcome.notes


@pytest.fixture
def small_disk(mount_disk):
    """A disk of 64 MB."""
    return mount_disk("64m")


def test_a_disk_that_is_full_in_truth_is_one_sentence_and_goes_on_with_room(small_disk, tmp_path):
    trial = trial_of(model="baseline")
    run_trial(trial, context(tmp_path))
    ballast = small_disk / "ballast"
    checkpoint_bytes = folder_of(tmp_path, trial).last_checkpoint.stat().st_size
    ballast.write_bytes(b"\0" * (shutil.disk_usage(small_disk).free - 3 * checkpoint_bytes))
    with pytest.raises(ResultsError, match="the disk is full; make room"):
        run_trial(trial, context(small_disk))
    assert ResultsStore(small_disk).state(trial.id) == "interrupted"
    assert not list(folder_of(small_disk, trial).path.glob(".*.partial"))
    ballast.unlink()
    run_trial(trial, context(small_disk))
    assert numbers(small_disk, trial) == numbers(tmp_path, trial)


class Noisy(nn.Module):
    """Draws from each of the three global generators in every forward pass."""

    def __init__(self):
        super().__init__()
        self.encoder, self.head = nn.Conv2d(1, 4, 3, stride=8), nn.Conv2d(4, 8, 1)

    def forward(self, images):
        noise = random.random() + np.random.rand() + torch.rand(1)  # noqa: NPY002
        maps = self.head(self.encoder(images) * noise)
        return CamOutput(maps, maps.amax(dim=(-2, -1)))


def test_every_global_generator_is_carried_over(tmp_path, monkeypatch):
    from bench.training.determinism import seed_everything

    trial = trial_of(model="baseline")
    data = load_dataset(trial.dataset, 64, DataContext(None, tmp_path, {}))

    def run(folder: Path) -> list[float]:
        seed_everything(0)
        model = Noisy()
        arguments = (model, data, trial, torch.device("cpu"), TrialFolder(folder))
        train(
            *arguments,
            on_step=lambda _: None,
            on_epoch=lambda _: None,
            nondeterministic=set(),
            checkpoint_every_s=0,
            clock=PhaseClock(),
        )
        return read_table(TrialFolder(folder).losses)["loss"].tolist()

    expected = run(tmp_path / "straight")
    with monkeypatch.context() as patch:
        count_steps(patch, die_at=4)
        with pytest.raises(Killed):
            run(tmp_path / "killed")
    disturb()
    assert run(tmp_path / "killed") == expected


def test_a_trial_that_was_trained_in_part_does_not_go_on_with_other_data(tmp_path, monkeypatch):
    trial = trial_of(model="baseline")
    data = load_dataset(trial.dataset, 64, DataContext(None, tmp_path, {}))

    def run(digest: str) -> int:
        steps = []
        train(
            Noisy(),
            replace(data, digest=digest),
            trial,
            torch.device("cpu"),
            TrialFolder(tmp_path / "trial"),
            on_step=steps.append,
            on_epoch=lambda _: None,
            nondeterministic=set(),
            checkpoint_every_s=0,
            clock=PhaseClock(),
        )
        return len(steps)

    with monkeypatch.context() as patch:
        count_steps(patch, die_at=4)
        with pytest.raises(Killed):
            run("sha256:before")
    with pytest.raises(ResultsError, match=r"sha256:before.*sha256:after"):
        run("sha256:after")
    assert 0 < run("sha256:before") < EPOCHS * STEPS
