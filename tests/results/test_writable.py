"""Whether a folder takes files is known before the work, and what is wrong with it is a sentence."""

import errno
import os
import subprocess
from pathlib import Path

import pytest

from bench.errors import ResultsError
from bench.results.files import require_writable


def refused(folder: Path, **how: bool) -> str:
    with pytest.raises(ResultsError) as error:
        require_writable(folder, "--reports-dir", **how)
    return str(error.value)


def test_a_folder_is_made_and_left_empty(tmp_path):
    require_writable(tmp_path / "a" / "b", "--reports-dir", with_locks=True)
    assert not list((tmp_path / "a" / "b").iterdir())


def test_a_file_in_the_way_is_named_wherever_it_stands(tmp_path):
    file = tmp_path / "file"
    file.touch()
    for folder in (file, file / "a", file / "a" / "b"):
        sentence = refused(folder)
        assert sentence.startswith(f"{file}: ")
        assert "--reports-dir" in sentence


def test_a_link_that_leads_nowhere_is_named_and_nothing_is_made_there(tmp_path):
    link, away = tmp_path / "link", tmp_path / "unmounted" / "disk"
    link.symlink_to(away)
    for folder in (link, link / "a"):
        sentence = refused(folder)
        assert sentence.startswith(f"{link}: ")
        assert str(away) in sentence
    assert not away.parent.exists()


def test_links_in_a_circle_are_a_sentence(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert str(tmp_path) in refused(tmp_path / "a")


def test_a_name_that_is_too_long_is_a_sentence(tmp_path):
    assert "too long" in refused(tmp_path / ("y" * 300))


def test_a_disk_that_is_read_only_is_a_sentence(mount_disk):
    disk = mount_disk("64k")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    sentence = refused(disk)
    assert sentence.startswith(f"{disk}: ")
    assert "read-only" in sentence


def test_a_disk_that_is_full_is_a_sentence(mount_disk):
    disk = mount_disk("64k")
    (disk / "filler").write_bytes(b"x" * 65536)
    sentence = refused(disk)
    assert sentence.startswith(f"{disk}")
    assert "make room" in sentence


def test_a_file_system_that_does_not_replace_files_is_named_as_what_does_not(tmp_path, monkeypatch):
    real = os.replace

    def refuse(old, new):
        if Path(new).exists():
            raise OSError(errno.EEXIST, os.strerror(errno.EEXIST), old, None, new)
        real(old, new)

    monkeypatch.setattr(os, "replace", refuse)
    sentence = refused(tmp_path)
    assert sentence.startswith(f"{tmp_path}: its file system")


def test_a_path_that_is_no_text_is_refused(tmp_path):
    sentence = refused(tmp_path / os.fsdecode(b"caf\xe9"))
    assert "UTF-8" in sentence
