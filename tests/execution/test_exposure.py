"""A run stops at rows that have seen their test images, unless the suite accepts it."""

import pytest

from bench.cli.main import main
from bench.data.dataset import DataContext
from bench.errors import SuiteError
from bench.execution.exposure import require_unseen
from bench.suite.load import load_suite
from bench.suite.violation import TEST_IMAGES_SEEN

SUITE = """\
models: [{name: baseline, saw: [SAW]}, {name: baseline, pooling: average}]
datasets: [{name: phantom, train: 4, val: 2, test: 3}]
resolutions: [64]
seeds: [0, 1]
encoder: tu-test_resnet
weights: none
recipe: {batch_size: 4, max_epochs: 1}
"""


@pytest.fixture
def refused(tmp_path):
    """Gives the sentence that a suite is refused with; None if it is not."""

    def ask(saw, more="", trials=None):
        path = tmp_path / "exposed.yaml"
        path.write_text(SUITE.replace("SAW", saw) + more)
        grid = load_suite(path).grid
        try:
            require_unseen(
                grid, grid.trials if trials is None else trials(grid), DataContext(None, tmp_path, {})
            )
        except SuiteError as error:
            return str(error)
        return None

    return ask


def test_a_row_is_named_once_with_what_it_has_seen_and_how_to_accept_it(refused):
    lines = refused("phantom/test").splitlines()
    assert lines[1:-1] == ["  Baseline on phantom: its start saw phantom/test: all of the test images"]
    assert f"accept: [{TEST_IMAGES_SEEN}]" in lines[-1]


def test_a_suite_that_accepts_it_is_not_refused(refused):
    assert refused("phantom/test", f"accept: [{TEST_IMAGES_SEEN}]\n") is None
    assert refused("phantom/train") is None


def test_only_trials_that_are_to_run_count(refused):
    assert refused("phantom/test", trials=lambda grid: grid.trials[2:]) is None


def test_listed_images_are_counted_in_the_data_set(refused, tmp_path):
    (tmp_path / "seen.txt").write_text("test-000000\ntest-000002\ntrain-000000\n")
    assert "saw 2 of 3 test images" in refused("seen.txt")
    (tmp_path / "seen.txt").write_text("train-000000\n")
    assert refused("seen.txt") is None


def test_the_command_exits_with_2_and_trains_nothing_and_the_plan_tells(tmp_path, capsys):
    path = tmp_path / "exposed.yaml"
    path.write_text(SUITE.replace("SAW", "phantom"))
    dirs = [f"--{what}-dir={tmp_path / what}" for what in ("results", "reports")]
    assert main(["run", str(path), *dirs, "--serial", "--no-mlflow"]) == 2
    assert "Baseline on phantom: its start saw phantom" in capsys.readouterr().err
    assert not list(tmp_path.glob("results/trials/*/record.json"))
    assert main(["plan", str(path), dirs[0]]) == 0
    assert "Baseline on phantom: its start saw phantom" in capsys.readouterr().out
