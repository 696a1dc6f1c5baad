"""Who has a trial."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from waiting import wait_until

from bench.results.lease import Lease, Leases, holder
from bench.results.store import ResultsStore

HOLDER = """
import sys, time
from pathlib import Path
from bench.results.lease import Leases
from bench.results.store import ResultsStore
with Leases(ResultsStore(Path(sys.argv[1]))) as leases:
    print(leases.take("a"), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def store(tmp_path: Path) -> ResultsStore:
    return ResultsStore(tmp_path)


@pytest.fixture
def other(store):
    """Another process that has trial a; it gives it back when its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(store.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline().strip() == "None"
    yield process
    process.kill()
    process.communicate()


def _pretend(store: ResultsStore, **changes) -> Path:
    """Leaves the lease of another machine's process on trial a."""
    with Leases(store) as leases:
        leases.take("a")
        path = store.folder("a").path / "lease.json"
        lease = Lease.model_validate_json(path.read_text())
    path.write_text(lease.model_copy(update=changes).model_dump_json())
    return path


def test_a_lease_is_taken_once_and_given_back(store, other) -> None:
    with Leases(store) as leases:
        assert leases.take("b") is None
        lease = leases.take("a")
        assert (lease.pid, holder(store.folder("a").path)) == (other.pid, lease)
        assert str(lease).startswith(f"process {other.pid} on ")
        other.communicate("")
        assert leases.take("a") is None
        assert holder(store.folder("a").path).pid == os.getpid()
    assert holder(store.folder("a").path) is None
    assert holder(store.folder("b").path) is None


def test_the_lease_of_a_killed_process_is_over_at_once(store, other) -> None:
    other.kill()
    other.wait()
    assert (store.folder("a").path / "lease.json").exists()
    assert holder(store.folder("a").path) is None
    with Leases(store) as leases:
        assert leases.take("a") is None


def test_a_process_of_the_same_number_is_another_one(store) -> None:
    _pretend(store, began_at=1.0)
    with Leases(store) as leases:
        assert leases.take("a") is None


def test_a_process_can_take_what_it_has(store) -> None:
    with Leases(store) as leases:
        assert leases.take("a") is None
        assert leases.take("a") is None


def test_another_machines_lease_is_over_when_it_is_not_touched(store) -> None:
    """Its clock does not matter: it may be hours off."""
    path = _pretend(store, machine="elsewhere", host="node7", pid=1)
    os.utime(path, (1.0, 1.0))
    with Leases(store, expires_s=0.5) as leases:
        assert leases.take("a").host == "node7"
        time.sleep(0.6)
        os.utime(path, (2.0, 2.0))
        assert leases.take("a").host == "node7"
        time.sleep(0.6)
        assert leases.take("a") is None


def test_leases_are_touched_while_they_are_held(store) -> None:
    path = store.folder("a").path / "lease.json"
    with Leases(store, beat_s=0.05) as leases:
        leases.take("a")
        os.utime(path, (1.0, 1.0))
        wait_until(lambda: path.stat().st_mtime > 1.0, "a touch", pause_s=0.01)


def test_what_another_has_taken_meanwhile_is_not_given_back(store) -> None:
    with Leases(store) as leases:
        leases.take("a")
        _pretend(store, machine="elsewhere", host="node7")
        leases.give_back("a")
        assert holder(store.folder("a").path).host == "node7"


@pytest.mark.parametrize("text", ["", "{", '{"pid": 1}'])
def test_a_damaged_lease_is_none(store, text: str) -> None:
    path = store.folder("a").path / "lease.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert holder(path.parent) is None
    with Leases(store) as leases:
        assert leases.take("a") is None
