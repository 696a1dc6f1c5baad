"""Finished trials as models to use, and why others are none."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from records import finish_whole
from safetensors.torch import load_file
from trials import context_in, make_trial

from bench.errors import ResultsError
from bench.execution.prepare import load_trained
from bench.execution.trial import run_trial
from bench.results.store import ResultsStore, TrialFolder
from bench.suite.findings import NIH_BOXED_FINDINGS

CPU = torch.device("cpu")
TRIAL = make_trial(model="pylon", options={"up_layers": 1}, batch_size=8, max_epochs=1)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> TrialFolder:
    store = ResultsStore(tmp_path_factory.mktemp("results"))
    store.announce(TRIAL)
    finish_whole(store, TRIAL, run_trial(TRIAL, context_in(store.root)))
    return store.folder(TRIAL.id)


@pytest.fixture
def copied(finished, tmp_path) -> TrialFolder:
    """The same folder, to be spoilt."""
    return TrialFolder(Path(shutil.copytree(finished.path, tmp_path / "trial")))


def rewrite(folder: TrialFolder, **outcome) -> None:
    document = json.loads(folder.record.read_text())
    document["outcome"] |= outcome
    folder.record.write_text(json.dumps(document))


def test_model_has_the_best_weights_and_the_names_of_the_record(finished):
    trained = load_trained(finished, CPU)
    assert trained.trial == TRIAL
    assert trained.findings == NIH_BOXED_FINDINGS == finished.read_record().outcome.findings
    assert not trained.model.training
    for name, tensor in load_file(finished.best_weights).items():
        assert torch.equal(trained.model.state_dict()[name], tensor), name


def test_weights_that_are_missing_damaged_or_of_another_model_are_sentences(copied):
    rewrite(copied, findings=["Mass"])
    errors = []
    with pytest.raises(ResultsError, match="size mismatch") as error:
        load_trained(copied, CPU)
    errors.append(error.value)
    copied.best_weights.write_bytes(b"no weights")
    with pytest.raises(ResultsError) as error:
        load_trained(copied, CPU)
    errors.append(error.value)
    copied.best_weights.unlink()
    with pytest.raises(ResultsError) as error:
        load_trained(copied, CPU)
    assert {one.place for one in (*errors, error.value)} == {str(copied.best_weights)}


def test_trials_that_are_not_finished_say_where_they_stand(copied, tmp_path):
    copied.record.unlink()
    with pytest.raises(ResultsError, match="after 1 epoch") as error:
        load_trained(copied, CPU)
    assert (error.value.place, error.value.value) == (str(copied.path), "unfinished")
    copied.history.unlink()
    with pytest.raises(ResultsError, match="first epoch"):
        load_trained(copied, CPU)
    store = ResultsStore(tmp_path)
    store.fail(TRIAL, "Traceback …\nRuntimeError: boom\n")
    with pytest.raises(ResultsError, match="RuntimeError: boom"):
        load_trained(store.folder(TRIAL.id), CPU)
