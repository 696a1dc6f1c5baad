"""What tests of the pages in docs/ share: their examples, and a copy of the package to follow them in."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Copy:
    """A copy of the package, and a folder to work in beside it."""

    package: Path
    folder: Path

    def add(self, name: str, text: str) -> None:
        """Writes a file that the page shows, by its name in the repository."""
        path = self.package / name
        assert not path.exists()
        path.write_text(text, encoding="utf-8")

    def replace(self, name: str, old: str, new: str) -> None:
        """Changes a file in the one place that is so, as the page says."""
        path = self.package / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{name}: {old}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def python(self, *arguments: str, expected: int = 0) -> str:
        """Runs Python with the copy from the folder, and returns what it printed."""
        environment = {"PYTHONPATH": str(self.package), "XDG_CACHE_HOME": str(self.folder)}
        environment["BENCH_DATA_ROOT"] = str(self.folder / "data")
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == expected, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout if expected == 0 else done.stderr

    def bench(self, command: str, expected: int = 0) -> str:
        """Runs the command line of the copy, and returns what it printed; where it fails, its complaint."""
        return self.python("-m", "bench", *command.split(), expected=expected)


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Copy:
    """A copy of the package as it is, for the tests of one page."""
    root, ignore = tmp_path_factory.mktemp("copy"), shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "bench", root / "package" / "bench", ignore=ignore)
    (root / "folder").mkdir()
    return Copy(root / "package", root / "folder")


@pytest.fixture(scope="session")
def blocks():
    """Gives the code blocks of a language of a page of docs/, in order."""

    def find(page: str, language: str) -> list[str]:
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        return [part.split("```")[0] for part in text.split(f"```{language}\n")[1:]]

    return find
