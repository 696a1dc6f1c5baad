"""What can start next, without running anything."""

import pytest
from records import finish_whole
from trials import make_trial

from bench.execution.ready_queue import ReadyQueue
from bench.results.lease import Lease, Leases, holder
from bench.results.provenance import describe
from bench.results.record import Outcome
from bench.results.store import ResultsStore
from bench.suite.schema import Phase
from bench.suite.trial import Trial

OUTCOME = Outcome(
    findings=(),
    metrics={},
    best_epoch=1,
    num_epochs=1,
    duration_s=1.0,
    notes=(),
    provenance=describe("cpu", "float32", 1),
)


def trial(seed: int, init: Trial | None = None) -> Trial:
    phase = Phase(freeze="encoder") if init is not None and init.init is not None else Phase()
    return make_trial(seed, init, phase=phase)


A, B = trial(0), trial(1)
A_CHILD, B_CHILD = trial(0, A), trial(1, B)
A_GRANDCHILD = trial(0, A_CHILD)


@pytest.fixture
def store(tmp_path) -> ResultsStore:
    return ResultsStore(tmp_path)


def pop_all(queue: ReadyQueue) -> list[Trial]:
    found = []
    while (one := queue.pop_ready()) is not None:
        found.append(one)
    return found


def test_what_waits_for_nothing_comes_in_its_order(store):
    queue = ReadyQueue([B, A_CHILD, A, B_CHILD], store, Leases(store))
    assert pop_all(queue) == [B, A]
    assert not queue.is_empty


def test_a_child_is_ready_when_its_own_parent_is_finished(store):
    queue = ReadyQueue([A, B, A_GRANDCHILD, A_CHILD, B_CHILD], store, Leases(store))
    assert pop_all(queue) == [A, B]
    queue.finished(A.id)
    assert pop_all(queue) == [A_CHILD]
    queue.finished(A_CHILD.id)
    assert pop_all(queue) == [A_GRANDCHILD]
    queue.finished(B.id)
    assert pop_all(queue) == [B_CHILD]
    assert queue.is_empty


def test_a_failure_drops_all_that_starts_from_it_and_nothing_else(store):
    queue = ReadyQueue([A_GRANDCHILD, A, B, A_CHILD, B_CHILD], store, Leases(store))
    pop_all(queue)
    queue.failed(A.id)
    assert queue.settled == {A_CHILD.id, A_GRANDCHILD.id}
    queue.finished(B.id)
    assert pop_all(queue) == [B_CHILD]
    assert queue.is_empty


def test_a_parent_that_is_finished_on_disk_is_not_waited_for(store):
    """It may be among the trials itself, since maps of it are left; if those fail, its children run."""
    finish_whole(store, A, OUTCOME)
    queue = ReadyQueue([A, A_CHILD], store, Leases(store))
    queue.failed(A.id)
    assert queue.settled == set()
    assert pop_all(queue) == [A, A_CHILD]


def test_a_failure_of_maps_alone_blocks_nothing(store):
    queue = ReadyQueue([A, A_CHILD], store, Leases(store))
    pop_all(queue)
    queue.finished(A.id)
    queue.failed(A.id)
    assert pop_all(queue) == [A_CHILD]


class Told:
    """Notes what is told of other drivers."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def held_elsewhere(self, one: Trial, lease: Lease) -> None:
        self.events.append(("held", one.id))

    def failed(self, one: Trial, error: str) -> None:
        self.events.append((error, one.id))


@pytest.fixture
def elsewhere(store):
    """Gives trials to, and takes them from, a driver on another machine."""

    def change(one: Trial, *, is_held: bool) -> None:
        path = store.folder(one.id).path / "lease.json"
        if is_held:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(Lease(machine="m", host="node7", pid=1, began_at=1.0).model_dump_json())
        else:
            path.unlink()

    return change


def test_what_another_driver_has_is_passed_over_and_told_once(store, elsewhere):
    elsewhere(A, is_held=True)
    queue, told = ReadyQueue([A, B, A_CHILD], store, Leases(store)), Told()
    assert pop_all(queue) == [B]
    assert queue.pop_ready() is None
    queue.tell(told)
    queue.tell(told)
    assert told.events == [("held", A.id)]
    assert not queue.is_empty
    elsewhere(A, is_held=False)
    assert pop_all(queue) == [A]


def test_what_failed_in_another_drivers_hands_is_not_started_again(store, elsewhere):
    elsewhere(A, is_held=True)
    queue, told = ReadyQueue([A, A_CHILD, B], store, Leases(store)), Told()
    assert pop_all(queue) == [B]
    store.fail(A, "boom")
    elsewhere(A, is_held=False)
    assert pop_all(queue) == []
    queue.tell(told)
    assert told.events == [("held", A.id), ("boom", A.id)]
    assert queue.settled == {A.id, A_CHILD.id}
    assert queue.is_empty


def test_what_is_popped_is_held_until_it_has_ended(store):
    queue = ReadyQueue([A], store, Leases(store))
    queue.pop_ready()
    assert holder(store.folder(A.id).path) is not None
    queue.ended(A.id)
    assert holder(store.folder(A.id).path) is None


def test_when_the_time_to_start_is_over_nothing_is_ready_any_more(store, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("bench.execution.ready_queue.time.monotonic", lambda: clock[0])
    queue = ReadyQueue([A, B, A_CHILD], store, Leases(store), start_until_s=150.0)
    assert queue.pop_ready() == A
    clock[0] = 150.0
    assert queue.pop_ready() is None
    assert queue.is_empty
    assert queue.settled == {B.id, A_CHILD.id}
    queue.finished(A.id)
    assert queue.pop_ready() is None
