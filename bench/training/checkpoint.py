"""States to resume from and weights, on disk: each is whole or is not there, and the two latest are kept."""

import hashlib
import io
import logging
import pickle
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from bench.errors import FULL_DISK, DiskFullError, ResultsError, brief, explained
from bench.results.files import replacing
from bench.results.store import TrialFolder

log = logging.getLogger(__name__)

CheckpointState = dict[str, Any]
"""All that the next step depends on: state dicts and histories by name, of plain data and tensors."""

_HEADER = b"bench checkpoint 1 "


class DamagedCheckpointError(ResultsError):
    """A checkpoint is not what was written."""


def write_checkpoint(state: CheckpointState, path: Path) -> None:
    """Writes a checkpoint: a line with the SHA-256 of the rest, then torch's own format.

    Torch does not notice a damaged byte by itself.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getbuffer()
    with path.open("wb") as stream:
        stream.write(_HEADER + hashlib.sha256(content).hexdigest().encode() + b"\n")
        stream.write(content)


def read_checkpoint(path: Path) -> CheckpointState:
    """Returns the state in `path`; only tensors and plain data are read, no code is run.

    Raises:
        DamagedCheckpointError: it cannot be read, or is not what was written.
        FileNotFoundError: there is none.
    """
    try:
        with path.open("rb") as stream:
            header, content = stream.readline(), stream.read()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DamagedCheckpointError(f"cannot be read ({error.strerror or error})", place=path) from None
    if not header.startswith(_HEADER):
        raise DamagedCheckpointError("is no checkpoint of this version", place=path)
    if header != _HEADER + hashlib.sha256(content).hexdigest().encode() + b"\n":
        raise DamagedCheckpointError(f"is damaged ({len(content)} bytes with another digest)", place=path)
    try:
        state: CheckpointState = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:  # the digest is right: somebody has written it
        sentence = "is refused, since it holds more than tensors and plain data"
        raise DamagedCheckpointError(sentence, place=path) from None
    return state


class CheckpointKeeper:
    """The checkpoints of one trial's folder, with the weights of the best epoch that they speak of.

    The latest and the one before are kept. A kill or a full disk at any moment leaves at least one of them
    whole, together with its best weights: those are written first and removed last.

    Args:
        folder: the trial's, locked.
    """

    def __init__(self, folder: TrialFolder) -> None:
        self.folder = folder
        self.notes: list[str] = []
        """Sentences for the record: which checkpoints were damaged."""
        self._last_is_good = True
        self._best_epoch_of_latest = 0

    def load(self) -> CheckpointState | None:
        """Returns the latest checkpoint that is whole, or None if there is none."""
        for path in self.folder.checkpoints:
            try:
                state = read_checkpoint(path)
                best_epoch: int = state["schedule"]["best_epoch"]
                weights = self.folder.weights_of(best_epoch)
                if best_epoch and not weights.exists():
                    raise DamagedCheckpointError(f"lacks its {weights.name}", place=path)
            except FileNotFoundError:
                continue
            except DamagedCheckpointError as error:
                self._last_is_good &= path != self.folder.last_checkpoint
                self.notes.append(f"{error}; went on from an earlier state")
                log.warning("%s", self.notes[-1])
                continue
            self._best_epoch_of_latest = best_epoch
            return state
        return None

    def save_best(self, model: nn.Module, epoch: int) -> None:
        """Writes the weights of `epoch`, the best so far; counts from the next checkpoint on."""
        with _told_if_full(self.folder.path):
            save_weights(model, self.folder.weights_of(epoch))

    def save(self, state: CheckpointState) -> None:
        """Writes the checkpoint; the latest becomes the one before, whose predecessor goes.

        Raises:
            ResultsError: it cannot be written, as on a full disk; the checkpoints stay as they were.
        """
        last, previous = self.folder.checkpoints
        with _told_if_full(self.folder.path), replacing(last) as temporary:
            write_checkpoint(state, temporary)
            if last.exists() and self._last_is_good:
                last.replace(previous)
        best_epoch: int = state["schedule"]["best_epoch"]
        self.folder.drop_weights(keep={best_epoch, self._best_epoch_of_latest})
        self._last_is_good, self._best_epoch_of_latest = True, best_epoch

    def publish_best(self, epoch: int) -> None:
        """Makes the weights of `epoch` the trial's; the checkpoints stay until its record is written."""
        with _told_if_full(self.folder.path), replacing(self.folder.best_weights) as temporary:
            shutil.copyfile(self.folder.weights_of(epoch), temporary)


def save_weights(model: nn.Module, path: Path) -> None:
    """Writes the model's weights to `path` as safetensors, in one step."""
    content = save({name: tensor.contiguous() for name, tensor in model.state_dict().items()})
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def load_weights(model: nn.Module, path: Path) -> None:
    """Loads weights that `save_weights` wrote; every key has to be there and to fit.

    Raises:
        ResultsError: the file is damaged, or is that of another model.
    """
    try:
        model.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise ResultsError(f"not usable as the model's weights ({brief(error)})", place=path) from None


@contextmanager
def _told_if_full(folder: Path) -> Iterator[None]:
    """Turns an error of the disk, within the block, into a sentence."""
    try:
        yield
    except OSError as error:
        reason = explained(error, folder)
        if error.errno in FULL_DISK:
            raise DiskFullError(reason) from None
        raise ResultsError(f"{reason}; --retry-failed goes on from the checkpoint before") from None
