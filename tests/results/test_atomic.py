"""Files that are the old or the new version, whole."""

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import LONG_S

from bench.results.files import replacing, write_text


def test_the_block_writes_the_file(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
        assert not (tmp_path / "a.txt").exists()
    assert (tmp_path / "a.txt").read_text() == "new"


@pytest.mark.parametrize("durable", [True, False])
def test_a_writer_that_raises_leaves_the_old_file_and_nothing_else(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail() -> None:
        with replacing(path, durable=durable) as temporary:
            temporary.write_text("half of the new")
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_raises_leaves_no_file_where_there_was_none(tmp_path: Path) -> None:
    def fail() -> None:
        with replacing(tmp_path / "a.txt"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_is_killed_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from bench.results.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half of the new')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(path)], check=False, timeout=LONG_S)
    assert ended.returncode == -9
    assert path.read_text() == "old"


def test_success_leaves_no_temporary_file(tmp_path: Path) -> None:
    for text in ("one", "two"):
        write_text(tmp_path / "a.txt", text)
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "two"


def test_folders_are_made_and_text_is_utf8(tmp_path: Path) -> None:
    write_text(tmp_path / "deep/er/a.txt", "± — é\n", durable=False)
    assert (tmp_path / "deep/er/a.txt").read_bytes() == "± — é\n".encode()


def test_others_may_read_what_was_written(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "x")
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(("umask", "mode"), [(0o002, 0o664), (0o022, 0o644), (0o077, 0o600)])
def test_a_file_has_the_mode_of_any_new_file(tmp_path: Path, umask: int, mode: int) -> None:
    """Also one that was there with another mode: who may write the folder replaces it."""
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o640)
    before = os.umask(umask)
    try:
        write_text(path, "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize(
    ("module", "call", "number"), [(os, "chmod", errno.EPERM), (os, "fsync", errno.EINVAL)]
)
def test_a_share_that_cannot_do_what_is_no_need_takes_files(
    tmp_path, monkeypatch, module, call, number
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refuse)
    write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"


def test_a_disk_that_loses_data_is_an_error(tmp_path, monkeypatch) -> None:
    def lose(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", lose)
    with pytest.raises(OSError, match="Input/output error"):
        write_text(tmp_path / "a.txt", "new")
    assert not list(tmp_path.iterdir())


def test_an_error_names_the_file_and_not_the_temporary_one(tmp_path, mount_disk) -> None:
    disk = mount_disk("64k")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(OSError, match="Read-only") as error:
        write_text(disk / "a.txt", "new")
    assert (error.value.errno, error.value.filename) == (errno.EROFS, str(disk / "a.txt"))


def test_names_of_files_that_are_no_text_are_written_as_escapes_that_json_reads(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    write_text(tmp_path / "a.json", json.dumps({"file": name}, ensure_ascii=False))
    assert json.loads((tmp_path / "a.json").read_bytes()) == {"file": name}
