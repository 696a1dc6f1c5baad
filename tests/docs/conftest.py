"""What tests of the pages in docs/ share: their examples, and where to follow them."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
from forking import ForkedBench

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

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PYTHONPATH": str(self.package),
            "XDG_CACHE_HOME": str(self.folder),
            "BENCH_DATA_ROOT": str(self.folder / "data"),
        }

    @cached_property
    def forked(self) -> ForkedBench:
        """The command line of the copy, as it is when it is first called."""
        return ForkedBench(self.folder, self.environment)

    def pytest(self, file: Path, words: str) -> str:
        """Runs tests with the copy: those of a file whose names have these words; returns what it printed."""
        shutil.copy(file, self.folder)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-c", "/dev/null", "--import-mode=importlib"),
                *("-v", "-p", "no:cacheprovider", "-k", words, file.name),
            ],
            cwd=self.folder,
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def bench(self, command: str, expected: int = 0) -> str:
        """Runs the command line of the copy, and returns what it printed; where it fails, its complaint."""
        done = self.forked(*command.split())
        assert done.returncode == expected, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout if expected == 0 else done.stderr


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Iterator[Copy]:
    """A copy of the package as it is, for the tests of one page."""
    root, ignore = tmp_path_factory.mktemp("copy"), shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "bench", root / "package" / "bench", ignore=ignore)
    (root / "folder").mkdir()
    copy = Copy(root / "package", root / "folder")
    yield copy
    copy.forked.end()


@dataclass(frozen=True)
class Outside:
    """A folder to work in, with a package of one's own on the path: nothing of bench is changed."""

    folder: Path

    def add(self, name: str, text: str) -> None:
        """Writes a file by its name in the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    @cached_property
    def forked(self) -> ForkedBench:
        paths = [str(self.folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            "PYTHONPATH": os.pathsep.join(paths),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "BENCH_DATA_ROOT": str(self.folder / "data"),
        }
        return ForkedBench(self.folder, environment)

    def bench(self, command: str, expected: int = 0) -> str:
        """Runs the command line, and returns what it printed; where it fails, its complaint."""
        done = self.forked(*shlex.split(command))
        assert done.returncode == expected, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout if expected == 0 else done.stderr


@pytest.fixture(scope="module")
def outside(tmp_path_factory) -> Iterator[Outside]:
    """A folder outside of bench, for the tests of one page."""
    found = Outside(tmp_path_factory.mktemp("outside"))
    found.add("my_package/__init__.py", "")
    yield found
    found.forked.end()


@pytest.fixture(scope="session")
def blocks():
    """Gives the code blocks of a language of a page of docs/, in order."""

    def find(page: str, language: str) -> list[str]:
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        return [part.split("```")[0] for part in text.split(f"```{language}\n")[1:]]

    return find
