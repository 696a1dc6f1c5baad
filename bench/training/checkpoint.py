"""States to resume from and weights, on disk: each is whole or is not there, and the two latest are kept.

They are copied from the device at once and written by a thread, beside training.
"""

import hashlib
import io
import logging
import pickle
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from bench.errors import FULL_DISK, DiskFullError, ResultsError, brief, explained
from bench.results.files import replacing
from bench.results.store import TrialFolder

log = logging.getLogger(__name__)

Weights = dict[str, Tensor]
CheckpointState = dict[str, Any]
"""All that the next step depends on: state dicts and histories by name, of plain data and tensors."""

_MAGIC = b"bench checkpoint 2 "


class DamagedCheckpointError(ResultsError):
    """A checkpoint is not what was written."""


def write_checkpoint(state: CheckpointState, path: Path) -> None:
    """Writes a checkpoint: a line with the SHA-256 of the rest, then torch's own format.

    Torch does not notice a damaged byte by itself.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("wb") as stream:
        stream.write(_header(hashlib.sha256()))  # in place of that which is known at the end
        content = _DigestedStream(stream)
        try:
            torch.save(state, content)  # type: ignore[arg-type]  # as much of a file as torch needs
        except RuntimeError:  # torch closes its archive, and hides why it could not be written
            if content.error is not None:
                raise content.error from None
            raise
        stream.seek(0)
        stream.write(_header(content.digest))


class _DigestedStream:
    """Writes to a stream and digests what goes through: a state is too large to be held once more.

    `error` is that of a write that failed.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.digest = hashlib.sha256()
        self.error: OSError | None = None
        self.flush = stream.flush
        self._stream = stream

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        try:
            return self._stream.write(data)
        except OSError as error:
            self.error = error
            raise


def _header(digest: "hashlib._Hash") -> bytes:
    return _MAGIC + digest.hexdigest().encode() + b"\n"


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
    if not header.startswith(_MAGIC):
        raise DamagedCheckpointError("is no checkpoint of this version", place=path)
    if header != _header(hashlib.sha256(content)):
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
    whole, together with its best weights: those are written first and removed last. Best weights that no
    checkpoint speaks of yet are in memory only: what goes on from an earlier checkpoint comes to them again.

    A context manager: at its end no write is under way any more. An error of a write is raised at the next
    call.

    Args:
        folder: the trial's, locked.
    """

    def __init__(self, folder: TrialFolder) -> None:
        self.folder = folder
        self.notes: list[str] = []
        """Sentences for the record: which checkpoints were damaged."""
        self._last_is_good = True
        self._best_epoch_of_latest = 0
        self._unwritten_best: Weights | None = None
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self._write: Future[None] | None = None
        self._saved_at_s = time.monotonic()

    def __enter__(self) -> "CheckpointKeeper":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._writer.shutdown()
        if kind is None:  # else that is what ends training
            self.wait()

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

    def keep_best(self, model: nn.Module) -> None:
        """Copies the weights of the epoch that has ended, the best so far, for the next checkpoint."""
        on_host = partial(torch.Tensor.to, device="cpu", copy=True, memory_format=torch.contiguous_format)
        self._unwritten_best = {name: on_host(tensor) for name, tensor in model.state_dict().items()}

    def save(self, state: CheckpointState) -> None:
        """Copies the state and begins to write it; waits for the write before, if that is under way.

        The latest checkpoint becomes the one before, whose predecessor goes.

        Raises:
            ResultsError: the one before could not be written, as on a full disk; those before it stay.
        """
        self.wait()
        best, self._unwritten_best = self._unwritten_best, None
        self._write = self._writer.submit(self._write_whole, copied(state), best)
        self._saved_at_s = time.monotonic()

    @property
    def age_s(self) -> float:
        """Time since the last checkpoint was copied, or since training began here."""
        return time.monotonic() - self._saved_at_s

    def check(self) -> None:
        """Raises the error of the last write, if it has ended with one; never waits.

        Raises:
            ResultsError: it could not be written, as on a full disk; the checkpoints are as they were.
        """
        if self._write is not None and self._write.done():
            self.wait()

    def wait(self) -> None:
        """Waits until the last checkpoint is written; raises as `check`."""
        write, self._write = self._write, None
        if write is not None:
            write.result()

    def publish_best(self, epoch: int) -> None:
        """Makes the weights of `epoch`, of which the last checkpoint speaks, the trial's.

        The checkpoints stay until its record is written.
        """
        self.wait()
        with _told_if_full(self.folder.path), replacing(self.folder.best_weights) as temporary:
            shutil.copyfile(self.folder.weights_of(epoch), temporary)

    def _write_whole(self, state: CheckpointState, best: Weights | None) -> None:
        """Writes best weights and the checkpoint that speaks of them; removes what no checkpoint needs."""
        last, previous = self.folder.checkpoints
        best_epoch: int = state["schedule"]["best_epoch"]
        with _told_if_full(self.folder.path):
            if best is not None:
                save_weights(best, self.folder.weights_of(best_epoch))
            with replacing(last) as temporary:
                write_checkpoint(state, temporary)
                if last.exists() and self._last_is_good:
                    last.replace(previous)
        self.folder.drop_weights(keep={best_epoch, self._best_epoch_of_latest})
        self._last_is_good, self._best_epoch_of_latest = True, best_epoch


def copied(state: Any) -> Any:
    """Returns `state` as it is now: its tensors on the CPU, in memory of their own."""
    if isinstance(state, Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {key: copied(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(map(copied, state))
    return state


def save_weights(weights: Weights, path: Path) -> None:
    """Writes weights, contiguous on the CPU, to `path` as safetensors, in one step."""
    content = save(weights)
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def read_weights(path: Path) -> Weights:
    """Returns weights that `save_weights` wrote.

    Raises:
        ResultsError: the file is damaged.
    """
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ResultsError(f"not usable as the model's weights ({brief(error)})", place=path) from None


def load_weights(model: nn.Module, path: Path) -> None:
    """Loads weights that `save_weights` wrote; every key has to be there and to fit.

    Raises:
        ResultsError: the file is damaged, or is that of another model.
    """
    try:
        model.load_state_dict(read_weights(path))
    except RuntimeError as error:
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
