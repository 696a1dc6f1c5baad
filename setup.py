"""Adds the suites and the commit to what is built; everything else is in pyproject.toml."""

import shutil
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

COMMIT_FILE = Path("bench", "commit.txt")
SUITES = Path("bench", "suites")
"""The shipped suites in a wheel; in a checkout, and in a source archive, they are at the top level."""


def copy_suites(root: Path) -> None:
    """Copies the suites into the package below `root`, in place of those of an earlier build."""
    shutil.rmtree(root / SUITES, ignore_errors=True)
    shutil.copytree(SUITES.name, root / SUITES)


def note_commit(root: Path) -> None:
    """Writes the commit of the source below `root`; what is there stays where git tells none."""
    try:
        commit = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no", "bench")
        _git("ls-files", "--error-unmatch", "setup.py")
    except (OSError, subprocess.SubprocessError):
        return
    path = root / COMMIT_FILE
    path.unlink(missing_ok=True)  # it may be a link to the source
    path.write_text(f"{commit}{'+' if changed else ''}\n", encoding="utf-8")


def _git(*arguments: str) -> str:
    command = ["git", "-c", "safe.directory=*", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


class BuildWithSuites(build_py):
    """Builds the package, from which a wheel is made."""

    def run(self) -> None:
        """Builds it."""
        super().run()
        if not self.editable_mode:
            note_commit(Path(self.build_lib))
            copy_suites(Path(self.build_lib))


class SourceWithCommit(sdist):
    """Makes an archive of the source."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        """Makes the folder that is archived."""
        super().make_release_tree(base_dir, files)
        note_commit(Path(base_dir))


setup(cmdclass={"build_py": BuildWithSuites, "sdist": SourceWithCommit})
