"""Which commit a trial was run by: told where anybody knows it, and else why nobody does."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.results.provenance import UNKNOWN, git_commit

ROOT = Path(bench.__file__).parents[1]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
ASK = "from bench.results.provenance import git_commit; print(git_commit())"


def ask(folder: Path, **environment: str) -> str:
    """Returns what the bench in `folder` says of itself."""
    command = [sys.executable, "-c", ASK]
    given = {
        **os.environ,
        "PYTHONPATH": str(folder),
        "GIT_CEILING_DIRECTORIES": str(folder.parent),
        **environment,
    }
    return subprocess.run(
        command, cwd=folder, env=given, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The package as a wheel leaves it: without git."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "bench", folder / "bench", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A clone of this repository, with the sources as they are."""
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout of git")
    folder = tmp_path_factory.mktemp("clone") / "checkout"
    subprocess.run(
        ["git", "clone", "-q", "-c", "advice.detachedHead=false", str(ROOT), str(folder)], check=True
    )
    for name in (
        "setup.py",
        "pyproject.toml",
        ".gitattributes",
        "bench/results/provenance.py",
        "bench/commit.txt",
    ):
        shutil.copy(ROOT / name, folder / name)
    shutil.rmtree(folder / "bench")
    shutil.copytree(ROOT / "bench", folder / "bench", ignore=shutil.ignore_patterns("__pycache__"))
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(folder), "add", "-A"], check=True)
    subprocess.run(
        ["git", "-C", str(folder), *identity, "commit", "-q", "--allow-empty", "-m", "x"], check=True
    )
    return folder


def head(checkout: Path) -> str:
    command = ["git", "-C", str(checkout), "-c", f"safe.directory={checkout}", "rev-parse", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_a_checkout_knows_its_commit_and_whether_it_changed(checkout):
    assert ask(checkout) == head(checkout)[:12]
    changed = checkout / "bench" / "errors.py"
    before = changed.read_bytes()
    changed.write_bytes(before + b"\n")
    assert ask(checkout) == head(checkout)[:12] + "+"
    changed.write_bytes(before)


@pytest.mark.skipif(os.geteuid() != 0, reason="may not give files away")
def test_a_checkout_of_another_user_knows_it_too(checkout):
    commit = head(checkout)
    for path in (checkout, checkout / ".git"):
        os.chown(path, 4001, 4001)
    assert ask(checkout) == commit[:12]
    for path in (checkout, checkout / ".git"):
        os.chown(path, os.geteuid(), os.getegid())


def test_files_that_were_installed_without_git_say_so(installed):
    assert ask(installed).startswith(UNKNOWN)


def test_a_commit_that_was_noted_is_told(installed):
    note = installed / "bench" / "commit.txt"
    before = note.read_bytes()
    note.write_text(f"{COMMIT}+\n")
    assert ask(installed) == f"{COMMIT[:12]}+"
    note.write_bytes(before)


def test_what_is_built_or_archived_notes_its_commit_and_has_the_pages_templates(checkout, tmp_path):
    command = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(tmp_path / "built")]
    subprocess.run(command, cwd=checkout, check=True, capture_output=True)
    archive = subprocess.run(
        ["git", "-C", str(checkout), "archive", "HEAD", "bench"], check=True, capture_output=True
    ).stdout
    (tmp_path / "archived").mkdir()
    subprocess.run(["tar", "-x", "-C", str(tmp_path / "archived")], input=archive, check=True)
    templates = Path("bench", "reporting", "templates")
    for name in ("built", "archived"):
        assert ask(tmp_path / name) == head(checkout)[:12]
        found, expected = ((place / templates).iterdir() for place in (tmp_path / name, ROOT))
        assert {path.name for path in found} == {path.name for path in expected}


@pytest.mark.parametrize(
    ("script", "word"),
    [
        (
            "echo \"fatal: detected dubious ownership in repository at '/secret/place'\" >&2; exit 128",
            "refuses",
        ),
        ("echo 'fatal: something at /secret/place' >&2; exit 1", "something"),
        (None, "cannot be run"),
    ],
)
def test_why_git_does_not_tell_is_told_without_paths(tmp_path, monkeypatch, script, word):
    if script is not None:
        (tmp_path / "git").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path) if script is None else f"{tmp_path}:{os.environ['PATH']}")
    said = git_commit.__wrapped__()
    assert said.startswith(UNKNOWN)
    assert word in said
    assert "/secret" not in said
