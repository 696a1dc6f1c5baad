"""The files that a suite names, by the names that trials give them: the digests of their contents."""

from collections.abc import Sequence
from pathlib import Path

from bench.errors import BenchError, SuiteError
from bench.suite.dataset_specs import DatasetSpec, FolderSpec, SplitLists, StoredSpec
from bench.suite.document import KeyPath, SettingError
from bench.suite.identity import file_digest, files_digest
from bench.suite.keys import clean
from bench.suite.text_table import decoded
from bench.suite.user_path import user_path

IMAGES_PREFIX = "images of "
"""Before the digest of a table of labels: the name that trials give the folder of its images."""


class SuiteFiles:
    """Files that a suite names, relative to its folder; those of overrides, to the working folder.

    Attributes:
        by_name: the files, by the name that trials give them: the digest of the content.
    """

    def __init__(self, folder: Path, overrides: Sequence[KeyPath] = ()) -> None:
        self._folder = folder
        self._overrides = overrides
        self.by_name: dict[str, Path] = {}

    def digest(self, name: str, keys: KeyPath, *, may_be_folder: bool = False) -> str:
        """Returns the digest of the file that the suite names so at `keys`; of a folder, that of its PNGs.

        Raises:
            SettingError: it cannot be read.
        """
        file = self._find(name, keys)
        try:
            is_folder = may_be_folder and file.is_dir()
            digest = files_digest(file, "*.png") if is_folder else file_digest(file)
        except OSError as error:
            problem = f"{keys[-1]}: cannot read {file} ({error.strerror or error})"
            raise SettingError(keys, problem, value=name) from None
        self.by_name[digest] = file.resolve()
        return digest

    def stored(self, dataset: DatasetSpec, keys: KeyPath) -> DatasetSpec:
        """Returns the data set as trials have it: digests of files in place of their paths.

        Raises:
            SettingError: a file cannot be read, or two data sets share their labels but not their images.
        """
        found: dict[str, str | SplitLists] = {}
        if isinstance(dataset, StoredSpec) and isinstance(dataset.split, SplitLists):
            lists = {part: self.digest(name, (*keys, "split", part)) for part, name in dataset.split}
            found["split"] = SplitLists(**lists)
        if isinstance(dataset, FolderSpec):
            labels = found["labels"] = self.digest(dataset.labels, (*keys, "labels"))
            if dataset.boxes is not None:
                found["boxes"] = self.digest(dataset.boxes, (*keys, "boxes"))
            if dataset.masks is not None:
                found["masks"] = self.digest(dataset.masks, (*keys, "masks"), may_be_folder=True)
            name = found["images"] = f"{IMAGES_PREFIX}{labels}"
            images = self._find(dataset.images, (*keys, "images")).resolve()
            if self.by_name.setdefault(name, images) != images:
                problem = "two data sets share their labels but not their images"
                raise SettingError((*keys, "images"), problem, value=dataset.images)
        return dataset.model_copy(update=found)

    def text(self, name: str, keys: KeyPath) -> str:
        """Returns the content of the file that the suite names so at `keys`.

        Raises:
            SettingError: it cannot be read, or is no text.
        """
        file = self._find(name, keys)
        try:
            return decoded(file.read_bytes(), str(file), SuiteError)
        except OSError as error:
            problem = f"{keys[-1]}: cannot read {file} ({error.strerror or error})"
        except SuiteError as error:
            problem = f"{keys[-1]}: {error}"
        raise SettingError(keys, problem, value=name)

    def lines(self, name: str, keys: KeyPath) -> list[str]:
        """Returns the lines of such a file, but for empty ones.

        Raises:
            SettingError: it cannot be read, is no text, or has no line.
        """
        named = [line for line in map(clean, self.text(name, keys).splitlines()) if line]
        if not named:
            raise SettingError(keys, f"{keys[-1]}: {name} has no line", value=name)
        return named

    def _find(self, name: str, keys: KeyPath) -> Path:
        is_override = any(keys[: len(changed)] == changed for changed in self._overrides)
        try:
            return user_path(name, Path() if is_override else self._folder)
        except BenchError as error:
            raise SettingError(keys, f"{keys[-1]}: {error}", value=name) from None
