"""The bytes of files, and files of which it is known what they hold."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from bench.errors import DataError


class ImageFile(NamedTuple):
    """A file of which it is known what it holds.

    Attributes:
        path: where it is.
        sha256: of its bytes, hexadecimal.
    """

    path: Path
    sha256: str

    def read(self) -> bytes:
        """Returns its bytes.

        Raises:
            DataError: it cannot be read, or holds something else by now.
        """
        content = read_content(self.path)
        if digest_of_content(content) != self.sha256:
            raise DataError(f"{self.path}: has been changed since it was checked; the same command goes on")
        return content


def read_content(path: Path) -> bytes:
    """Returns the bytes of the file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None


def digest_of_content(content: bytes) -> str:
    """Returns the SHA-256 of bytes, hexadecimal: the identity of a file that holds them."""
    return hashlib.sha256(content).hexdigest()
