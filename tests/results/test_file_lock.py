"""Locks: one process at a time, for every member of a group, and only where the file system has them."""

import errno
import fcntl
import os
import stat
import subprocess
import sys

import pytest

from bench.errors import ResultsError
from bench.results.files import locked

HOLD = """
import sys
from pathlib import Path
from bench.results.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_another_process_waits_and_says_so_and_a_killed_one_blocks_nobody(tmp_path):
    path = tmp_path / "folder" / ".lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        waited = []

        def on_wait():
            waited.append(True)
            holder.kill()

        with locked(path, on_wait):
            assert waited
    with locked(path, lambda: pytest.fail("nobody holds it")):
        pass


def test_a_lock_has_the_mode_of_any_new_file(tmp_path):
    before = os.umask(0o002)
    try:
        with locked(tmp_path / ".lock"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / ".lock").stat().st_mode) == 0o664


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_file_system_without_locks_is_named_as_what_lacks_them(tmp_path, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(ResultsError, match="its file system has no locks") as error,
        locked(tmp_path / ".lock"),
    ):
        pytest.fail("it is not locked")
    assert str(error.value).startswith(str(tmp_path))
