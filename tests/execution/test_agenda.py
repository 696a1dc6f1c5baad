"""What can start next, without running anything."""

import pickle

import pytest
from records import finish_whole
from trials import make_trial

from bench.execution.ready_queue import Agenda
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


def pop_all(agenda: Agenda) -> list[Trial]:
    found = []
    while (one := agenda.pop_ready()) is not None:
        found.append(one)
    return found


def test_what_waits_for_nothing_comes_in_its_order(store):
    agenda = Agenda([B, A_CHILD, A, B_CHILD], store, Leases(store))
    assert pop_all(agenda) == [B, A]
    assert not agenda.is_empty


def test_a_child_is_ready_when_its_own_parent_is_finished(store):
    agenda = Agenda([A, B, A_GRANDCHILD, A_CHILD, B_CHILD], store, Leases(store))
    assert pop_all(agenda) == [A, B]
    agenda.finished(A.id)
    assert pop_all(agenda) == [A_CHILD]
    agenda.finished(A_CHILD.id)
    assert pop_all(agenda) == [A_GRANDCHILD]
    agenda.finished(B.id)
    assert pop_all(agenda) == [B_CHILD]
    assert agenda.is_empty


def test_a_failure_drops_all_that_starts_from_it_and_nothing_else(store):
    agenda = Agenda([A_GRANDCHILD, A, B, A_CHILD, B_CHILD], store, Leases(store))
    pop_all(agenda)
    agenda.failed(A.id)
    assert agenda.blocked == {A_CHILD.id, A_GRANDCHILD.id}
    agenda.finished(B.id)
    assert pop_all(agenda) == [B_CHILD]
    assert agenda.is_empty


def test_a_parent_that_is_finished_on_disk_is_not_waited_for(store):
    """It may be among the trials itself, since maps of it are left; if those fail, its children run."""
    finish_whole(store, A, OUTCOME)
    agenda = Agenda([A, A_CHILD], store, Leases(store))
    agenda.failed(A.id)
    assert agenda.blocked == set()
    assert pop_all(agenda) == [A, A_CHILD]


def test_a_failure_of_maps_alone_blocks_nothing(store):
    agenda = Agenda([A, A_CHILD], store, Leases(store))
    pop_all(agenda)
    agenda.finished(A.id)
    agenda.failed(A.id)
    assert pop_all(agenda) == [A_CHILD]


def test_an_agenda_can_be_pickled(store):
    agenda = pickle.loads(pickle.dumps(Agenda([A, A_CHILD], store, Leases(store))))
    assert pop_all(agenda) == [A]


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
    agenda, told = Agenda([A, B, A_CHILD], store, Leases(store)), Told()
    assert pop_all(agenda) == [B]
    assert agenda.pop_ready() is None
    agenda.tell(told)
    agenda.tell(told)
    assert told.events == [("held", A.id)]
    assert not agenda.is_empty
    elsewhere(A, is_held=False)
    assert pop_all(agenda) == [A]


def test_what_failed_in_another_drivers_hands_is_not_started_again(store, elsewhere):
    elsewhere(A, is_held=True)
    agenda, told = Agenda([A, A_CHILD, B], store, Leases(store)), Told()
    assert pop_all(agenda) == [B]
    store.fail(A, "boom")
    elsewhere(A, is_held=False)
    assert pop_all(agenda) == []
    agenda.tell(told)
    assert told.events == [("held", A.id), ("boom", A.id)]
    assert (agenda.failed_elsewhere, agenda.blocked) == ({A.id}, {A_CHILD.id})
    assert agenda.is_empty


def test_what_is_popped_is_held_until_it_has_ended(store):
    agenda = Agenda([A], store, Leases(store))
    agenda.pop_ready()
    assert holder(store.folder(A.id).path) is not None
    agenda.ended(A.id)
    assert holder(store.folder(A.id).path) is None


def test_when_the_time_to_start_is_over_nothing_is_ready_any_more(store, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("bench.execution.ready_queue.time.monotonic", lambda: clock[0])
    agenda = Agenda([A, B, A_CHILD], store, Leases(store), start_until_s=150.0)
    assert agenda.pop_ready() == A
    clock[0] = 150.0
    assert agenda.pop_ready() is None
    assert agenda.is_empty
    assert agenda.too_late == {B.id, A_CHILD.id}
    agenda.finished(A.id)
    assert agenda.pop_ready() is None
