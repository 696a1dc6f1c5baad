"""Speed from a few steps on random pixels, and the plan that uses it."""

import gc
import json
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from pretended_gpu import GIB, ILLEGAL, lose_gpu, pretend_memory

from bench.cli.main import main
from bench.data.dataset import ImageSet
from bench.data.images import pixel_store
from bench.errors import LostGpuError, ResultsError, TrainingError
from bench.models.baseline import Baseline
from bench.planning.cost import ImageCounts
from bench.planning.probing import gpu_memory, probe, probe_all, resident_bytes
from bench.planning.speed import Probe, add_probe, read_probes
from bench.results.store import ResultsStore
from bench.suite.load import load_suite
from bench.training.memory import CONTEXT_BYTES

CPU = torch.device("cpu")

SUITE = """\
models: [baseline, {name: pylon, up_layers: 1}]
datasets: [nih]
resolutions: [64]
seeds: [0, 1]
encoder: tu-test_resnet
weights: none
recipe: {batch_size: 4}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    (tmp_path / "suite.yaml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_each_combination_is_probed_once_without_data_and_the_plan_uses_it(folder, capsys):
    assert main(["probe", "suite.yaml", "--steps", "2", "--set", "resources.gpu=0"]) == 0
    shown = capsys.readouterr()
    assert shown.err.splitlines() == [
        "2 combinations, 2 steps each",
        "bench plan suite.yaml uses these speeds",
    ]
    lines = shown.out.splitlines()
    assert [line.split(",")[0] for line in lines if not line.startswith(" ")] == ["Baseline", "PYLON (UP1)"]
    assert [path.name for path in (folder / "results").iterdir()] == ["probes.json"]
    first, second = read_probes(folder / "results")
    assert min(first.images_per_s, second.images_per_s) > 0
    assert first.memory_bytes > 10**8
    assert main(["plan", "suite.yaml", "--json", "--set", "resources.gpu=0"]) == 0
    cost = json.loads(capsys.readouterr().out)["cost"]
    assert cost["sources"] == {"probed": 4}
    images = 40 * (78_484 + 8_040 / 3) + 25_596 / 3
    hours = 2 * images * (1 / first.images_per_s + 1 / second.images_per_s) / 3600
    assert cost["device_hours"]["most"] == pytest.approx(hours)


def test_every_step_is_told_and_the_first_are_not_timed(folder):
    trial, told = load_suite(folder / "suite.yaml").grid.trials[0], []
    speed = probe(trial, torch.device("cpu"), 3, lambda done, total: told.append((done, total)))
    assert told == [(n, 5) for n in range(1, 6)]
    assert speed.images_per_s > 0


def one(images_per_s: float, workload: str = "a", device: str = "cpu") -> Probe:
    given = {"memory_bytes": 1, "num_steps": 2, "probed_at": "now"}
    return Probe(workload=workload, device=device, images_per_s=images_per_s, **given)


def test_a_new_probe_replaces_that_of_its_workload_and_device(tmp_path):
    for probed in (one(1.0), one(2.0, device="X"), one(3.0, "b"), one(4.0)):
        add_probe(tmp_path, probed)
    found = {(p.workload, p.device): p.images_per_s for p in read_probes(tmp_path)}
    assert found == {("a", "cpu"): 4.0, ("a", "X"): 2.0, ("b", "cpu"): 3.0}


def test_a_damaged_file_is_a_sentence(tmp_path):
    (tmp_path / "probes.json").write_text("{")
    with pytest.raises(ResultsError, match=str(tmp_path / "probes.json")):
        read_probes(tmp_path)


def test_a_model_that_cannot_be_built_here_is_told_and_the_others_are_probed(folder, capsys):
    changed = ["--set", "models=[{name: deeplabv3plus, encoder: tu-edgenext_xx_small}, baseline]"]
    assert main(["probe", "suite.yaml", "--steps", "1", *changed]) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "edgenext" in told
    assert told.count("images/s") == 1


def test_a_model_that_finds_no_memory_holds_none_while_the_next_is_probed(folder, monkeypatch):
    """Whoever is told of the failure keeps it, as the command line does until the next one is told."""
    trials, held = load_suite(folder / "suite.yaml").grid.trials, []
    forward = Baseline.forward

    def fail(self, images):
        held.extend([weakref.ref(self), weakref.ref(images)])
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Baseline, "forward", fail)
    probing = probe_all(trials[:2], ResultsStore(folder / "results"), {}, num_steps=1, device=CPU)
    _, error = next(probing)
    assert isinstance(error, TrainingError)
    assert len(held) == 2
    monkeypatch.setattr(Baseline, "forward", forward)
    gc.collect()
    assert [one() for one in held] == [None, None]
    assert isinstance(next(probing)[1], Probe)


def test_a_gpu_that_fails_ends_the_probing_of_all(folder, monkeypatch):
    def fail(self, images):
        lose_gpu(monkeypatch)
        raise torch.AcceleratorError(ILLEGAL)

    monkeypatch.setattr(Baseline, "forward", fail)
    trials = load_suite(folder / "suite.yaml").grid.trials
    with pytest.raises(LostGpuError):
        list(probe_all(trials, ResultsStore(folder / "results"), {}, num_steps=1, device=CPU))


@pytest.mark.parametrize(
    ("room_bytes", "expected"),
    [
        (10**9, 100 * 80**2 + (50 + 20) * 64**2),
        (2.5 * 100 * 80**2 - 1, (50 + 20) * 64**2),  # the training images do not fit, the others do
        (1000, 0),
    ],
)
def test_the_pixels_that_would_lie_on_a_gpu_count(folder, room_bytes, expected):
    """Training images are larger than the network's 64 px, for crops."""
    trial = load_suite(folder / "suite.yaml").grid.trials[0]
    assert resident_bytes(trial, ImageCounts(100, 50, 20), room_bytes) == expected
    assert resident_bytes(trial, None, room_bytes) == 0


def test_memory_on_a_gpu_has_the_trials_pixels_for_the_probes_and_that_of_cuda(folder, monkeypatch):
    trial = load_suite(folder / "suite.yaml").grid.trials[0]
    memory, cuda = pretend_memory(monkeypatch), torch.device("cuda")
    monkeypatch.setattr(pixel_store, "_copy", lambda pixels, device: torch.from_numpy(np.array(pixels)))
    probed = ImageSet(
        np.zeros((1000, 80, 80), np.uint8), np.zeros((1000, 3)), ("x",) * 1000, ("x",) * 1000, None
    )
    memory.allocated = memory.peak = 2 * GIB + probed.pixels.nbytes
    counts = ImageCounts(78_484, 8_040, 25_596)
    found = gpu_memory(trial, probed, cuda, counts)
    pixels = 78_484 * 80**2 + (8_040 + 25_596) * 64**2
    assert found == 2 * GIB + pixels + CONTEXT_BYTES
