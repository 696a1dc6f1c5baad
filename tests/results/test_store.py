"""The results folder: states, records, histories and locks."""

import csv
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from records import finish_whole
from trials import make_trial
from waiting import LONG_S

from bench.errors import ResultsError
from bench.results.provenance import Provenance, describe
from bench.results.record import CamEvaluation, EpochRow, Outcome, Record
from bench.results.store import ResultsStore, TrialFolder

TRIAL = make_trial()
OUTCOME = Outcome(
    findings=(),
    metrics={"point_accuracy/weighted": 0.5, "auroc/macro": 1.0},
    best_epoch=2,
    num_epochs=3,
    duration_s=12.5,
    notes=("AUROC left out: Hernia",),
    provenance=Provenance(
        bench="0.1.0",
        git_commit="unknown: a test",
        python="3.11.0",
        packages={"torch": "2.9.0"},
        platform="test",
        device="cpu",
        precision="float32",
        num_threads=1,
    ),
)


@pytest.fixture
def store(tmp_path: Path) -> ResultsStore:
    return ResultsStore(tmp_path / "results")


def test_a_trial_that_nobody_ran_is_todo(store: ResultsStore) -> None:
    assert store.state(TRIAL.id) == "todo"
    assert store.record(TRIAL.id) is None
    assert not store.root.exists()


def test_an_announced_trial_without_checkpoint_is_todo(store: ResultsStore) -> None:
    store.announce(TRIAL)
    assert store.state(TRIAL.id) == "todo"
    assert store.folder(TRIAL.id).read_trial() == TRIAL


def test_a_trial_with_a_checkpoint_and_no_record_is_interrupted(store: ResultsStore) -> None:
    store.announce(TRIAL)
    store.folder(TRIAL.id).last_checkpoint.write_bytes(b"state")
    assert store.state(TRIAL.id) == "interrupted"


def test_a_finished_trial_keeps_its_outcome_and_drops_what_resuming_needs(store: ResultsStore) -> None:
    store.announce(TRIAL)
    folder = store.folder(TRIAL.id)
    folder.last_checkpoint.write_bytes(b"state")
    folder.progress.write_text("{}")
    folder.best_weights.write_bytes(b"weights")
    returned = finish_whole(store, TRIAL, OUTCOME)
    assert store.state(TRIAL.id) == "finished"
    record = store.record(TRIAL.id)
    assert record == returned
    assert record is not None
    of_model, of_map = {"auroc/macro": 1.0}, {"point_accuracy/weighted": 0.5}
    outcome = OUTCOME.model_copy(update={"metrics": of_model})
    assert (record.trial, record.outcome, record.error) == (TRIAL, outcome, None)
    assert store.metrics(TRIAL.id) == of_map | of_model
    assert store.metrics(TRIAL.id, "grad_cam") == {}
    assert record.trial.id == TRIAL.id
    assert not folder.last_checkpoint.exists()
    assert not folder.progress.exists()
    assert folder.best_weights.exists()


def test_a_failed_trial_keeps_its_traceback_and_its_checkpoint(store: ResultsStore) -> None:
    store.announce(TRIAL)
    folder = store.folder(TRIAL.id)
    folder.last_checkpoint.write_bytes(b"state")
    folder.progress.write_text("{}")
    store.fail(TRIAL, "Traceback …\nRuntimeError: ± out of memory")
    record = store.record(TRIAL.id)
    assert store.state(TRIAL.id) == "failed"
    assert record is not None
    assert record.error == "Traceback …\nRuntimeError: ± out of memory"
    assert record.outcome is None
    assert folder.last_checkpoint.exists()
    assert not folder.progress.exists()


def test_announcing_again_forgets_a_failure_and_keeps_the_checkpoint(store: ResultsStore) -> None:
    store.announce(TRIAL)
    store.folder(TRIAL.id).last_checkpoint.write_bytes(b"state")
    store.fail(TRIAL, "boom")
    store.announce(TRIAL)
    assert store.state(TRIAL.id) == "interrupted"


EVALUATION = CamEvaluation(
    method="grad_cam",
    status="finished",
    metrics={"point_accuracy/weighted": 0.25},
    notes=("3 of 9 peaks are ties",),
    provenance=OUTCOME.provenance,
    ended_at="2026-01-01T00:00:00+00:00",
)


def test_a_map_stands_where_its_trial_does_until_that_is_finished(store: ResultsStore) -> None:
    assert store.state(TRIAL.id, "grad_cam") == "todo"
    store.announce(TRIAL)
    store.folder(TRIAL.id).last_checkpoint.write_bytes(b"state")
    assert store.state(TRIAL.id, "grad_cam") == "interrupted"
    store.fail(TRIAL, "boom")
    assert store.state(TRIAL.id, "grad_cam") == "failed"
    finish_whole(store, TRIAL, OUTCOME)
    assert store.state(TRIAL.id, "grad_cam") == "todo"
    store.evaluated(TRIAL.id, EVALUATION)
    assert (store.state(TRIAL.id, "grad_cam"), store.state(TRIAL.id)) == ("finished", "finished")


def test_an_evaluation_comes_back_as_it_was(store: ResultsStore) -> None:
    finish_whole(store, TRIAL, OUTCOME)
    failure = CamEvaluation(method="eigen_cam", status="failed", error="Traceback …", ended_at="now")
    for evaluation in (EVALUATION, failure):
        store.evaluated(TRIAL.id, evaluation)
        assert store.evaluation(TRIAL.id, evaluation.method) == evaluation
    assert store.folder(TRIAL.id).read_evaluations()[1:] == (EVALUATION, failure)
    assert store.evaluation(TRIAL.id, "layer_cam") is None
    assert store.state(TRIAL.id, "eigen_cam") == "failed"


def test_announcing_a_finished_trial_keeps_its_record_and_its_maps(store: ResultsStore) -> None:
    record = finish_whole(store, TRIAL, OUTCOME)
    store.evaluated(TRIAL.id, EVALUATION)
    store.announce(TRIAL)
    assert store.record(TRIAL.id) == record
    assert store.evaluation(TRIAL.id, "grad_cam") == EVALUATION


def test_announcing_a_trial_that_is_trained_again_forgets_its_maps(store: ResultsStore) -> None:
    finish_whole(store, TRIAL, OUTCOME)
    store.evaluated(TRIAL.id, EVALUATION)
    store.folder(TRIAL.id).record.unlink()
    store.announce(TRIAL)
    assert store.evaluation(TRIAL.id, "grad_cam") is None


@pytest.mark.parametrize("damage", [b"", b"{", EVALUATION.model_dump_json().encode()])
def test_a_damaged_evaluation_is_one_clear_sentence(store: ResultsStore, damage: bytes) -> None:
    finish_whole(store, TRIAL, OUTCOME)
    path = store.folder(TRIAL.id).cam_evaluation("layer_cam")
    path.write_bytes(damage)
    assert (store.state(TRIAL.id), store.state(TRIAL.id, "layer_cam")) == ("finished", "unreadable")
    assert store.evaluation(TRIAL.id, "layer_cam") is None
    _require_one_sentence(store, path)
    with pytest.raises(ResultsError, match=str(path)):
        store.evaluated(TRIAL.id, EVALUATION.model_copy(update={"method": "layer_cam"}))
    assert path.read_bytes() == damage


@pytest.mark.parametrize("damage", [None, b"{"])
def test_a_finished_trial_without_its_native_map_is_not_whole(
    store: ResultsStore, damage: bytes | None
) -> None:
    finish_whole(store, TRIAL, OUTCOME)
    path = store.folder(TRIAL.id).cam_evaluation("native")
    path.unlink() if damage is None else path.write_bytes(damage)
    assert (store.state(TRIAL.id), store.state(TRIAL.id, "grad_cam")) == ("unreadable", "unreadable")
    assert (store.record(TRIAL.id), store.metrics(TRIAL.id)) == (None, {})
    assert "move the trial's folder" in store.reason(TRIAL.id)
    _require_one_sentence(store, path)


def _require_one_sentence(store: ResultsStore, path: Path) -> None:
    (told,) = store.problems(TRIAL.id)
    assert str(path) in told
    assert "\n" not in told


def test_records_say_when_they_ended_with_a_time_zone(store: ResultsStore) -> None:
    assert datetime.fromisoformat(finish_whole(store, TRIAL, OUTCOME).ended_at).tzinfo is not None


def test_trials_lie_in_folders_of_their_ids(store: ResultsStore) -> None:
    assert store.folder(TRIAL.id).path == store.root / "trials" / TRIAL.id


def test_trials_do_not_disturb_each_other(store: ResultsStore) -> None:
    other = make_trial(1)
    finish_whole(store, TRIAL, OUTCOME)
    assert store.state(other.id) == "todo"
    store.fail(other, "boom")
    assert store.state(TRIAL.id) == "finished"


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"null", b"[]", b'{"status": "finished"}', b"\xff\xfe\x00", b'{"status": "done"}', None],
    ids=["empty", "cut", "null", "list", "fields missing", "no text", "unknown status", "a folder"],
)
def test_a_damaged_record_is_one_clear_sentence_and_never_overwritten(
    store: ResultsStore, damage: bytes | None
) -> None:
    store.announce(TRIAL)
    path = store.folder(TRIAL.id).record
    path.mkdir() if damage is None else path.write_bytes(damage)
    assert store.state(TRIAL.id) == "unreadable"
    assert store.record(TRIAL.id) is None
    _require_one_sentence(store, path)
    for write in (
        lambda: store.announce(TRIAL),
        lambda: finish_whole(store, TRIAL, OUTCOME),
        lambda: store.fail(TRIAL, "boom"),
    ):
        with pytest.raises(ResultsError, match=str(path)):
            write()
    assert path.is_dir() if damage is None else path.read_bytes() == damage


def test_a_record_cut_anywhere_is_unreadable(store: ResultsStore) -> None:
    finish_whole(store, TRIAL, OUTCOME)
    path = store.folder(TRIAL.id).record
    whole = path.read_bytes().rstrip()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        assert store.state(TRIAL.id) == "unreadable"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_metrics_that_are_no_numbers_cannot_be_recorded(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        Outcome.model_validate(OUTCOME.model_dump() | {"metrics": {"auroc/macro": value}})


_LOSSES = st.none() | st.floats(0, 100)
_ROWS = st.builds(
    EpochRow,
    epoch=st.integers(1, 1000),
    learning_rate=st.floats(1e-12, 1),
    train_loss=_LOSSES,
    val_loss=_LOSSES,
    images_per_s=st.floats(0, 1e6),
    duration_s=st.floats(0, 1e6),
)


@settings(max_examples=40)
@given(st.lists(_ROWS, max_size=5))
def test_history_comes_back_exactly(tmp_path_factory: pytest.TempPathFactory, rows: list[EpochRow]) -> None:
    folder = TrialFolder(tmp_path_factory.mktemp("history") / "trial")
    folder.write_history(rows)
    assert folder.read_history() == tuple(rows)


def test_a_missing_validation_loss_is_an_empty_cell(store: ResultsStore) -> None:
    folder = store.folder(TRIAL.id)
    rows = [
        EpochRow(
            epoch=n, learning_rate=1e-4, train_loss=0.5, val_loss=loss, images_per_s=10.0, duration_s=2.0
        )
        for n, loss in ((1, None), (2, 0.25))
    ]
    folder.write_history(rows)
    with folder.history.open(newline="") as stream:
        cells = list(csv.reader(stream))
    assert cells[0] == ["epoch", "learning_rate", "train_loss", "val_loss", "images_per_s", "duration_s"]
    assert cells[1] == ["1", "0.0001", "0.5", "", "10.0", "2.0"]
    assert [row.val_loss for row in folder.read_history()] == [None, 0.25]


def test_no_history_is_no_epochs(store: ResultsStore) -> None:
    assert store.folder(TRIAL.id).read_history() == ()


@pytest.mark.parametrize("text", ["epoch,learning_rate\n1,fast\n", "a,b\n1,2\n", "epoch\n1,2,3\n"])
def test_a_damaged_history_is_a_results_error(store: ResultsStore, text: str) -> None:
    folder = store.folder(TRIAL.id)
    folder.path.mkdir(parents=True)
    folder.history.write_text(text)
    with pytest.raises(ResultsError):
        folder.read_history()


def test_provenance_names_what_can_move_a_number() -> None:
    described = describe("cpu", "float32", 3)
    assert (described.device, described.precision, described.num_threads) == ("cpu", "float32", 3)
    assert described.python == ".".join(map(str, sys.version_info[:3]))
    assert {"torch", "numpy"} <= set(described.packages)
    assert Record(trial=TRIAL, status="failed", error="x", ended_at="now").trial == TRIAL


# Says that it waits, takes the lock, writes its name, keeps the lock until told to go on, writes again.
_HOLDER = """
import sys
from pathlib import Path
from bench.results.store import TrialFolder
folder, log, name = TrialFolder(Path(sys.argv[1])), Path(sys.argv[2]), sys.argv[3]
print("waits", flush=True)
with folder.locked():
    with log.open("a") as stream:
        print(name, "in", file=stream)
    print("holds", flush=True)
    sys.stdin.readline()
    with log.open("a") as stream:
        print(name, "out", file=stream)
"""


class _Holder:
    def __init__(self, folder: Path, log: Path, name: str) -> None:
        command = [sys.executable, "-c", _HOLDER, str(folder), str(log), name]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def says(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.close()

    def end(self) -> None:
        self.process.kill()
        self.process.wait(timeout=LONG_S)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None and not stream.closed:
                stream.close()


@pytest.fixture
def holders(tmp_path: Path):
    log = tmp_path / "log"
    log.write_text("")
    pair = tuple(_Holder(tmp_path / "trial", log, name) for name in ("first", "second"))
    yield pair, log
    for holder in pair:
        holder.end()


def _who_holds(pair: tuple[_Holder, ...], log: Path) -> tuple[_Holder, _Holder]:
    for holder in pair:
        assert holder.says() == "waits"
    while not log.read_text():
        assert all(holder.process.poll() is None for holder in pair)
        time.sleep(0.01)
    time.sleep(0.3)  # a lock that excludes nobody would let the other one in meanwhile
    holding, waiting = pair if log.read_text().startswith("first") else pair[::-1]
    assert holding.says() == "holds"
    return holding, waiting


def test_a_lock_excludes_another_process_until_it_is_given_back(holders) -> None:
    pair, log = holders
    holding, waiting = _who_holds(pair, log)
    assert len(log.read_text().splitlines()) == 1
    holding.go_on()
    assert waiting.says() == "holds"
    waiting.go_on()
    assert [holder.process.wait(timeout=LONG_S) for holder in pair] == [0, 0]
    assert [line.split()[1] for line in log.read_text().splitlines()] == ["in", "out", "in", "out"]


def test_a_lock_is_free_when_its_holder_is_killed(holders) -> None:
    pair, log = holders
    holding, waiting = _who_holds(pair, log)
    holding.process.send_signal(signal.SIGKILL)
    assert holding.process.wait(timeout=LONG_S) == -signal.SIGKILL
    assert waiting.says() == "holds"
    waiting.go_on()
    assert waiting.process.wait(timeout=LONG_S) == 0
    assert [line.split()[1] for line in log.read_text().splitlines()] == ["in", "in", "out"]


def test_a_lock_can_be_taken_again(store: ResultsStore) -> None:
    for _ in range(2):
        with store.folder(TRIAL.id).locked():
            assert store.folder(TRIAL.id).path.is_dir()
