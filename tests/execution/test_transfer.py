"""Trials that start from others: what they take over, what stays frozen, and what happens if one fails."""

import io
import json
from pathlib import Path

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file
from trials import context_in, make_trial

from bench.errors import WeightsError
from bench.execution.driver import Driver, run_grid
from bench.execution.live import Display
from bench.execution.serial import SerialExecutor
from bench.execution.trial import run_trial
from bench.results.failures import blocked_sentences
from bench.results.store import ResultsStore
from bench.suite.dataset_specs import PhantomSpec
from bench.suite.load import load_suite
from bench.suite.schema import Phase
from bench.suite.trial import Trial

FROZEN = Phase(freeze="encoder")


def trial(init: Trial | None = None, **changes) -> Trial:
    dataset = PhantomSpec(train=24, val=8, test=8, seed=0 if init is None else 1)
    given = {"model": "fpn", "batch_size": 8, "learning_rate": 1e-3, "max_epochs": 2}
    return make_trial(0, init, dataset=dataset, **(given | changes))


def weights(folder: Path, of: Trial) -> dict[str, torch.Tensor]:
    return load_file(ResultsStore(folder).folder(of.id).best_weights)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> tuple[Path, Trial]:
    folder = tmp_path_factory.mktemp("transfer")
    run_trial(trial(), context_in(folder))
    return folder, trial()


def test_frozen_encoder_keeps_the_source_s_weights_and_moves_its_statistics(source):
    folder, parent = source
    child = trial(parent, phase=FROZEN)
    run_trial(child, context_in(folder))
    before, after = weights(folder, parent), weights(folder, child)
    for key, value in before.items():
        is_statistic = key.endswith(("running_mean", "running_var", "num_batches_tracked"))
        moves = is_statistic or not key.startswith("encoder.")
        assert torch.equal(after[key], value) != moves, key


def test_statistics_of_the_frozen_encoder_stay_if_asked(source):
    folder, parent = source
    child = trial(parent, phase=Phase(freeze="encoder", freeze_statistics=True))
    run_trial(child, context_in(folder))
    before, after = weights(folder, parent), weights(folder, child)
    assert all(torch.equal(after[key], value) for key, value in before.items() if key.startswith("encoder."))


def test_fine_tuning_starts_from_the_source_s_best_weights(source):
    """With a rate at which nothing moves, what comes out is what went in."""
    folder, parent = source
    child = trial(parent, learning_rate=1e-30)
    run_trial(child, context_in(folder))
    before, after = weights(folder, parent), weights(folder, child)
    parameters = [key for key in before if key.endswith((".weight", ".bias"))]
    assert all(torch.allclose(after[key], before[key], rtol=0, atol=1e-20) for key in parameters)


def test_tensors_that_do_not_fit_are_noted(source):
    folder, parent = source
    child = trial(parent, model="baseline")
    outcome = run_trial(child, context_in(folder))
    (note,) = [note for note in outcome.notes if "initial weights" in note]
    assert parent.id in note
    assert "1 mismatched (head.weight: (8, 128, 1, 1) for (8, " in note
    assert "skipped (decoder." in note
    (report,) = json.loads(ResultsStore(folder).folder(child.id).initial_weights.read_text())
    assert report["source"] == parent.id
    assert report["mismatched"] == ["head.weight: (8, 128, 1, 1) for (8, 96, 1, 1)"]
    own, theirs = weights(folder, child).keys(), weights(folder, parent).keys()
    assert set(report["skipped"]) == theirs - own
    assert set(report["loaded"]) == (own & theirs) - {"head.weight"}
    assert report["missing"] == []


def test_source_without_weights_is_a_sentence(tmp_path):
    with pytest.raises(WeightsError) as error:
        run_trial(trial(trial()), context_in(tmp_path))
    assert error.value.place.endswith("best.safetensors")


def test_interrupted_frozen_phase_goes_on_to_the_same_bits(source, tmp_path):
    folder, parent = source
    child = trial(parent, phase=FROZEN, max_epochs=3)
    copied = ResultsStore(tmp_path).folder(parent.id)
    copied.path.mkdir(parents=True)
    copied.best_weights.write_bytes(ResultsStore(folder).folder(parent.id).best_weights.read_bytes())

    def interrupt(row):
        if row.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trial(child, context_in(tmp_path, checkpoint_every_s=0), interrupt)
    resumed, whole = run_trial(child, context_in(tmp_path)), run_trial(child, context_in(folder))
    assert resumed.metrics == whole.metrics
    expected, found = weights(folder, child), weights(tmp_path, child)
    assert all(torch.equal(found[key], value) for key, value in expected.items())


SOURCE = """\
models: [pylon]
datasets: [{name: phantom, train: 16, val: 8, test: 8}]
resolutions: [64]
seeds: [0, 1]
encoder: tu-test_resnet
weights: none
recipe: {batch_size: 8, max_epochs: 1}
"""
CHAIN = SOURCE.replace(
    "[pylon]",
    "[{name: pylon, init: {from: source, model: PYLON}, phases: [{freeze: encoder}, {}]}]",
)


class Recording(SerialExecutor):
    """A serial executor that remembers the order of its trials."""

    def __init__(self) -> None:
        self.order: list[Trial] = []

    def run(self, trials, context, resources, listener):
        ours = self.order

        class Telling:
            """The listener, behind one that takes notes."""

            def started(self, one):
                ours.append(one)
                listener.started(one)

            def __getattr__(self, name):
                return getattr(listener, name)

        super().run(trials, context, resources, Telling())


def run_chain(
    folder: Path,
    executor: SerialExecutor,
    *,
    retry_failed: bool = False,
    screen: io.StringIO | None = None,
) -> ResultsStore:
    (folder / "source.yaml").write_text(SOURCE)
    (folder / "chain.yaml").write_text(CHAIN)
    loaded, store = load_suite(folder / "chain.yaml"), ResultsStore(folder)
    driver = Driver(store, [Display(store, Console(file=screen or io.StringIO(), width=400))])
    resources = loaded.suite.resources
    run_grid(loaded.grid, resources, context_in(folder), executor, driver, retry_failed=retry_failed)
    return store


def test_trials_of_other_suites_are_run_first_and_once(tmp_path, monkeypatch):
    """Without known sizes all take the same, so that the longest chains are those with most trials left."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache-home"))
    executor = Recording()
    store = run_chain(tmp_path, executor)
    kinds = [(one.seed, one.init is not None, one.phase.freeze) for one in executor.order]
    steps = ((False, "none"), (True, "encoder"), (True, "none"))
    assert kinds == [(seed, *step) for step in steps for seed in (0, 1)]
    assert all(store.state(one.id) == "finished" for one in executor.order)
    again = Recording()
    run_chain(tmp_path, again)
    assert not again.order


def test_failed_source_blocks_its_own_chain_only_and_a_retry_runs_all(tmp_path):
    (tmp_path / "source.yaml").write_text(SOURCE)
    source = load_suite(tmp_path / "source.yaml").grid.trials[1]
    in_the_way = ResultsStore(tmp_path).folder(source.id).best_weights
    in_the_way.mkdir(parents=True)
    store = run_chain(tmp_path, executor := Recording(), screen=(screen := io.StringIO()))
    first, second = load_suite(tmp_path / "chain.yaml").grid.trials
    frozen, last = second.init.id, second.id
    assert [store.state(one) for one in (first.id, source.id, frozen, last)] == [
        "finished",
        "failed",
        "todo",
        "todo",
    ]
    assert not {frozen, last} & {one.id for one in executor.order}
    assert not store.folder(frozen).path.exists()
    reason = store.record(source.id).reason
    assert str(in_the_way) in reason
    shown = screen.getvalue()
    for one in (frozen, last):
        assert f"{one}: blocked because {source.id} failed: {reason}\n" in shown
    told = f"{frozen}, {last} are blocked because {source.id} failed: {reason}"
    assert blocked_sentences([first, second.init, second], store) == (told,)

    run_chain(tmp_path, stopped := Recording())
    assert not stopped.order
    in_the_way.rmdir()
    run_chain(tmp_path, again := Recording(), retry_failed=True)
    assert [one.id for one in again.order] == [source.id, frozen, last]
    assert blocked_sentences([first, second.init, second], store) == ()


def test_parent_that_is_finished_counts_as_done_whatever_it_started_from(tmp_path):
    store = run_chain(tmp_path, Recording())
    last = load_suite(tmp_path / "chain.yaml").grid.trials[0]
    store.folder(last.id).record.unlink()
    store.fail(last.init.init, "lost")
    run_chain(tmp_path, executor := Recording())
    assert [one.id for one in executor.order] == [last.id]
