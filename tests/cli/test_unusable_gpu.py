"""Every verb on a machine with GPUs that torch cannot use: a sentence, or the CPU by choice."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pretended_gpu import Card, pretend_driver

from bench.cli.main import main
from bench.results.files import write_text
from bench.results.store import ResultsStore

SUITE = """\
models: [baseline]
datasets: [{name: phantom, train: 8, val: 4, test: 4}]
resolutions: [64]
seeds: [0]
encoder: tu-test_resnet
weights: none
recipe: {batch_size: 4, max_epochs: 1}
"""
FACTS = ("8 × NVIDIA H100 80GB HBM3", "driver 550.90.07", "torch 2.13.0+cpu", "--cpu")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a trial that was trained where no GPU is."""
    folder = tmp_path_factory.mktemp("unusable")
    (folder / "suite.yaml").write_text(SUITE)
    Image.fromarray(np.zeros((80, 80), np.uint8)).save(folder / "chest.png")
    where = ["--results-dir", str(folder / "results"), "--reports-dir", str(folder / "reports")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        assert main(["run", str(folder / "suite.yaml"), "--serial", "--no-mlflow", *where]) == 0
    return folder


@pytest.fixture
def bench(place, monkeypatch, capsys):
    """Calls a verb; returns its exit code and what it said."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", "2000")
    pretend_driver(monkeypatch, *(Card(uuid=f"GPU-{index}") for index in range(8)))
    monkeypatch.setattr("bench.execution.usable_gpus.version", lambda _: "2.13.0+cpu")

    def call(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code, said = main(words), capsys.readouterr()
        return code, " ".join((said.out + said.err).split())  # however it is wrapped

    return call


@pytest.mark.parametrize(
    "words",
    [
        ["run", "suite.yaml", "--serial", "--no-mlflow", "--results-dir", "new", "--set", "seeds=[1]"],
        ["probe", "suite.yaml", "--steps", "1", "--results-dir", "new"],
        ["predict", "baseline", "chest.png"],
        ["predict", "baseline", "chest.png", "--device", "cuda"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_what_would_take_the_gpu_is_refused(bench, place, words):
    code, said = bench(*words)
    assert code == 2
    assert all(fact in said for fact in FACTS)
    assert "Traceback" not in said
    assert not list(place.glob("new/trials/*"))


@pytest.mark.parametrize(
    "words",
    [
        ["run", "suite.yaml", "--serial", "--no-mlflow", "--results-dir", "cpu", "--cpu"],
        ["probe", "suite.yaml", "--steps", "1", "--results-dir", "cpu", "--set", "resources.gpu=0"],
        ["predict", "baseline", "chest.png", "--device", "cpu"],
        ["replay", "baseline"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_what_is_to_run_on_the_cpu_runs(bench, words):
    code, said = bench(*words)
    assert code == 0, said
    assert "H100" not in said


def test_a_trial_of_a_gpu_is_not_replayed_on_the_cpu_in_silence(bench, place):
    (folder,) = ((ResultsStore(place / "results").folder(one.name)) for one in place.glob("results/trials/*"))
    text = folder.record.read_text()
    write_text(folder.record, text.replace('"device": "cpu"', '"device": "NVIDIA H100 80GB HBM3"'))
    try:
        code, said = bench("replay", "baseline")
    finally:
        write_text(folder.record, text)
    assert code == 2
    assert all(fact in said for fact in FACTS)


def test_the_plan_says_that_a_run_would_be_refused(bench):
    code, said = bench("plan", "suite.yaml", "--set", "seeds=[1]")
    assert code == 0
    assert all(fact in said for fact in FACTS)
    assert "H100" not in bench("plan", "suite.yaml", "--set", "seeds=[1]", "--set", "resources.gpu=0")[1]
