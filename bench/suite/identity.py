"""Hashes and digests that tell trials and files apart.

A trial's id ends in a hash of its canonical JSON without the fields that have their defaults, so that a new
field whose default keeps the old behaviour changes no id. A change of a default, or of code that moves
numbers, raises `PROTOCOL`. Golden tests pin ids and defaults.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

PROTOCOL = 3
"""Raised when the same specification gives other numbers than before."""

DIGEST_PREFIX = "sha256:"
HASH_LENGTH = 10


def canonical_json(value: Any) -> str:
    """Returns JSON with sorted keys, no spaces, ASCII only: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def short_hash(value: Any) -> str:
    """Returns the first ten hexadecimal digits of the SHA-256 of the value's canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:HASH_LENGTH]


def bytes_digest(content: bytes) -> str:
    """Returns ``sha256:…`` of the bytes."""
    return DIGEST_PREFIX + hashlib.sha256(content).hexdigest()


def file_digest(path: Path) -> str:
    """Returns ``sha256:…`` of the file's bytes.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        return DIGEST_PREFIX + hashlib.file_digest(stream, "sha256").hexdigest()


def sources_digest(folder: Path) -> str:
    """Returns ``sha256:…`` of the paths and bytes of the Python files in and below the folder."""
    return files_digest(folder, "*.py")


def files_digest(folder: Path, pattern: str) -> str:
    """Returns ``sha256:…`` of the paths and bytes of the files of this pattern in and below the folder."""
    files = sorted(folder.rglob(pattern))
    return bytes_digest(
        canonical_json([(str(f.relative_to(folder)), file_digest(f)) for f in files]).encode()
    )
