"""A disk that is soon full."""

import pytest


@pytest.fixture
def small_disk(mount_disk):
    """A file system of 64 KiB."""
    return mount_disk("64k")
