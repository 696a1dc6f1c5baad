"""`bench.run` from a Python process."""

import signal

import pytest
from waiting import LONG_S, wait_until

import bench
from bench.errors import BenchError, SuiteError

from .conftest import SUITE, start


def test_without_a_terminal_it_prints_plain_lines_and_returns_results(place):
    assert place.stdout == "4\n"
    lines = place.stderr.splitlines()
    assert [line.split("]")[0] for line in lines if line.startswith("[")] == ["[1/4", "[2/4", "[3/4", "[4/4"]
    assert "\x1b" not in place.stderr
    assert (place.folder / "reports" / "small" / "index.html").exists()
    assert (place.folder / "results" / "mlflow.db").exists()


def test_what_is_finished_is_not_run_again(place, capsys):
    records = {path: path.stat().st_mtime_ns for path in place.results.glob("trials/*/record.json")}
    suite = bench.load_suite(place.suite)
    where = {"results_dir": place.results, "reports_dir": place.folder / "reports"}
    results = bench.run(suite, seeds=[1], executor="serial", **where)
    assert len(records) == 4
    assert {path: path.stat().st_mtime_ns for path in records} == records
    assert set(results.trials["seed"]) == {1}
    assert capsys.readouterr() == ("", "")


def test_an_interrupt_stops_cleanly_and_the_same_call_goes_on_in_the_same_process(tmp_path):
    (tmp_path / "small.yaml").write_text(SUITE.replace("max_epochs: 1", "max_epochs: 20"))
    code = """\
import bench
how = {"only": "model=pylon", "seeds": [0], "executor": "serial", "mlflow": False}
try:
    bench.run("small.yaml", **how)
except KeyboardInterrupt:
    print(*bench.plan("small.yaml", only="model=pylon", seeds=[0])["state"])
bench.run("small.yaml", **how)
print(*bench.plan("small.yaml", only="model=pylon", seeds=[0])["state"])
"""
    process = start(tmp_path, code)
    histories = tmp_path.glob
    wait_until(
        lambda: (
            any("\n2," in path.read_text() for path in histories("results/trials/*/history.csv"))
            or process.poll() is not None
        ),
        "the second epoch",
        pause_s=0.02,
    )
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=LONG_S)
    assert stdout == "interrupted\nfinished\n", stderr
    (history,) = tmp_path.glob("results/trials/*/history.csv")
    epochs = [int(line.split(",")[0]) for line in history.read_text().splitlines()[1:]]
    assert epochs == list(range(1, len(epochs) + 1))


def test_a_trial_that_fails_is_told_and_no_error_of_the_call(tmp_path, capsys):
    suite = tmp_path / "diverges.yaml"
    suite.write_text(SUITE.replace("learning_rate: 1e-3", "learning_rate: 1.0e+30"))
    where = {"results_dir": tmp_path / "results", "reports_dir": tmp_path / "reports"}
    results = bench.run(suite, only="model=pylon", seeds="0", executor="serial", mlflow=False, **where)
    assert "1 trial failed: pylon-phantom-64px-s0" in capsys.readouterr().err
    assert results.trials.empty
    assert list(
        bench.plan(suite, only="model=pylon", seeds="0", results_dir=tmp_path / "results")["state"]
    ) == ["failed"]


def test_without_progress_nothing_is_printed(tmp_path, capfd):
    suite = tmp_path / "small.yaml"
    suite.write_text(SUITE)
    where = {"results_dir": tmp_path / "results", "reports_dir": tmp_path / "reports"}
    bench.run(suite, only="model=pylon", seeds="0", executor="serial", mlflow=False, progress=False, **where)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"executor": "rays"}, BenchError, "did you mean 'ray'"),
        ({"executor": "serial", "max_concurrent": 2}, BenchError, "is for Ray"),
        ({"only": "model=pylons"}, SuiteError, "did you mean 'pylon'"),
        ({"results_dir": "s3://bucket/results"}, BenchError, "file system"),
    ],
)
def test_what_cannot_be_is_one_sentence(tmp_path, changes, error, words):
    (tmp_path / "small.yaml").write_text(SUITE)
    where = {"results_dir": tmp_path / "results", "reports_dir": tmp_path / "reports"}
    with pytest.raises(error, match=words):
        bench.run(tmp_path / "small.yaml", **where | changes)
