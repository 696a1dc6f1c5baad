"""What all tests share."""

import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from records import finish_whole, units_table
from waiting import LONG_S

from bench.results.provenance import Provenance

# Workers of pytest-xdist are there to share the cores: one thread each. Trials fix their own number anyway.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
# Examples are the same in every run, however busy the machine is.
settings.register_profile(
    "bench", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("bench")
# Ray's workers are as nice as the tests that wait for them: by default any other process starves them.
os.environ.setdefault("RAY_worker_niceness", "0")


@pytest.fixture(scope="session", autouse=True)
def _own_place_for_ray():
    """Ray's sessions and the note where a cluster is go with the tests; sockets need a short path."""
    with (
        tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("RAY_TMPDIR", folder)
        yield


@pytest.fixture(scope="session")
def write_dicom():
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    def write(path: Path, pixels: np.ndarray, kind: str = "MONOCHROME2", bits: int = 16, **others) -> None:
        """Writes [h, w] or [h, w, 3] whole numbers as one uncompressed image of `bits` stored bits."""
        header = Dataset()
        header.file_meta = FileMetaDataset()
        header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
        header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID = generate_uid(entropy_srcs=["x"])
        header.Rows, header.Columns = pixels.shape[:2]
        header.SamplesPerPixel = 1 if pixels.ndim == 2 else pixels.shape[2]
        header.PhotometricInterpretation = kind
        header.BitsAllocated = 8 if bits <= 8 else 16
        header.BitsStored, header.HighBit = bits, bits - 1
        header.PixelRepresentation = int(pixels.dtype.kind == "i")
        stored = pixels.astype(f"{pixels.dtype.kind}{header.BitsAllocated // 8}")
        header.PixelData = stored.tobytes() + b"\0" * (stored.nbytes % 2)
        for name, value in others.items():
            setattr(header, name, value)
        path.parent.mkdir(parents=True, exist_ok=True)
        header.save_as(path, enforce_file_format=True)

    return write


@pytest.fixture
def mount_disk(tmp_path):
    """Mounts a disk of the size that it is given, in bytes or as 64k, below the test's folder."""
    disk = tmp_path / "disk"

    def mount(size: str) -> Path:
        disk.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
        if not shutil.which("mount") or subprocess.run(command, check=False, capture_output=True).returncode:
            disk.rmdir()
            pytest.skip("may not mount")
        return disk

    yield mount
    if disk.exists():
        subprocess.run(["umount", "--lazy", str(disk)], check=True)  # something may hold a file open


@dataclass(frozen=True)
class Opened:
    """A page in a browser.

    Attributes:
        page: Playwright's handle on it.
        complaints: what it said on its console so far and is not known to be harmless.
    """

    page: object
    complaints: list[str]

    def wait_for(self, *texts: str, timeout_s: float = LONG_S) -> None:
        """Waits, by the clock on the wall, until all of these stand in the document."""
        deadline = time.monotonic() + timeout_s
        while missing := {text for text in texts if text not in self.page.content()}:
            assert time.monotonic() < deadline, f"not shown within {timeout_s} s: {missing}"
            self.page.wait_for_timeout(200)


@pytest.fixture
def open_page():
    """Opens a URL in headless Chromium, in a window of the size that it is given, in pixels."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    # Said on pages in order too: MLflow's table, its question for accounts, and the browser itself.
    harmless = ("AG Grid: since", "mlflow/users/current", "ResizeObserver loop")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        running = playwright.chromium.launch(executable_path=chromium, args=arguments)

        def open_page(url: str, width: int = 1900, height: int = 1300) -> Opened:
            # What a browser remembers of one page changes the next: each has a context of its own.
            page = running.new_context(viewport={"width": width, "height": height}).new_page()
            complaints: list[str] = []

            def hear(said: str) -> None:
                if not any(words in said for words in harmless):
                    complaints.append(said)

            page.on("console", lambda said: hear(f"{said.type} at {said.location['url']}: {said.text}"))
            page.on("pageerror", lambda error: hear(str(error)))
            page.goto(url)
            return Opened(page, complaints)

        yield open_page
        running.close()


@pytest.fixture(scope="session")
def provenance() -> Provenance:
    """Where a record that a test writes by hand says that it is from."""
    return Provenance(
        bench="0.1.0",
        git_commit="unknown: a test",
        python="3.11.0",
        packages={},
        platform="test",
        device="cpu",
        precision="float32",
        num_threads=1,
    )


@pytest.fixture(scope="session")
def finish_trial(provenance):
    from records import THESIS_COLUMNS

    from bench.metrics.measure import metrics_of
    from bench.results.record import Outcome
    from bench.results.units import BOX_COLUMNS, write_table
    from bench.suite.metrics import IOBB_ACCURACY, POINT_ACCURACY

    provenance = provenance.model_copy(update={"git_commit": "0123456789ab", "data": "sha256:abc"})

    def finish(store, trial, hits: dict[tuple[str, str, str], bool], **metrics: float) -> None:
        """Writes a finished trial with these hits by (image, patient, finding), and metrics that follow."""
        keys = list(hits)
        units = units_table(
            (*key, 1, 2, 0.5, 1, True, hits[key], 0.75 if hits[key] else 0.25, 0.125) for key in keys
        )
        boxes = pd.DataFrame([(i, f, 1.0, 1.0, 4.0, 4.0) for i, _, f in keys], columns=list(BOX_COLUMNS))
        found = metrics_of((POINT_ACCURACY, IOBB_ACCURACY), units, tuple(dict.fromkeys(units["finding"])))
        store.announce(trial)
        write_table(store.folder(trial.id).cam_units("native"), units, THESIS_COLUMNS)
        write_table(store.folder(trial.id).boxes, boxes, BOX_COLUMNS)
        outcome = Outcome(
            findings=(),
            metrics=found | metrics,
            best_epoch=1,
            num_epochs=2,
            duration_s=30.0,
            notes=(),
            provenance=provenance,
        )
        finish_whole(store, trial, outcome)

    return finish
