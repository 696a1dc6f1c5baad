"""A suite on Ray and MLflow, for real: results, tables, dashboard, failures, kills."""

import contextlib
import json
import os
import re
import signal
import socket
import urllib.error
import urllib.request

import pandas as pd
import pytest
from extracts import lay_out_radiographs, needs_radiographs
from waiting import LONG_S, wait_until

from bench.cli.mlflow.ui import DEFAULT_PORT
from bench.results.store import ResultsStore
from bench.suite.load import load_suite
from bench.suite.metrics import METRICS
from bench.tracking.dashboard import runs_link

MAXIMA = "cams/native.maxima.parquet"


def records(bench, results="results"):
    paths = sorted((bench.folder / results / "trials").glob("*/record.json"))
    return {path.parent.name: json.loads(path.read_text()) for path in paths}


def natives(bench, results="results"):
    paths = sorted((bench.folder / results / "trials").glob("*/cams/native.json"))
    return {path.parent.parent.name: json.loads(path.read_text()) for path in paths}


def histories(bench):
    paths = sorted((bench.folder / "results" / "trials").glob("*/history.csv"))
    return {path.parent.name: pd.read_csv(path) for path in paths}


@pytest.fixture(scope="module")
def finished(module_bench):
    """A folder in which the small suite ran on Ray and MLflow."""
    done = module_bench("run", "small.yaml")
    assert done.returncode == 0, done.stderr
    return module_bench, done


def test_run_prints_the_table_and_where_the_files_are(finished):
    _, done = finished
    assert "### Point localization accuracy, phantom, 64 px" in done.stdout
    assert re.search(r"^\| PYLON \| .*\d\.\d\d\s±\s\d\.\d\d", done.stdout, re.MULTILINE)
    assert "tables: reports/small" in done.stderr
    assert "[4/4]" in done.stderr


def test_every_trial_leaves_a_record_and_its_tables(finished):
    bench, _ = finished
    found = records(bench)
    assert len(found) == 4
    for name, record in found.items():
        folder = bench.folder / "results" / "trials" / name
        assert record["status"] == "finished"
        metrics = natives(bench)[name]["metrics"]
        units = pd.read_parquet(folder / "cams" / "native.parquet")
        assert 0 <= units["hit"].mean() == pytest.approx(metrics["point_accuracy/weighted"])
        assert 0 <= record["outcome"]["metrics"]["auroc/weighted"] <= 1
        logits, maxima = (pd.read_parquet(folder / name) for name in ("logits.parquet", MAXIMA))
        assert len(maxima) == len(logits) > len(units) == maxima["boxed"].sum()
        assert 0 <= metrics["froc/weighted"] <= 1
        assert not list(folder.glob("*.ckpt"))
        assert len(pd.read_parquet(folder / "losses.parquet")) == 3
        assert not list(folder.glob("*.partial"))


def test_report_files_are_written_and_repeatable(finished):
    bench, _ = finished
    folder = bench.folder / "reports" / "small"
    names = {path.name for path in folder.iterdir()}
    beside = "summary", "thresholds", "intervals", "comparisons", "sensitivity", "sensitivity-iobb"
    tables = (*(name for name, metric in METRICS.items() if metric.table != "sanity"), *beside)
    expected = {f"{table}-phantom-64px.{suffix}" for table in tables for suffix in ("md", "tex", "csv")}
    galleries = {"gallery.html", "gallery-phantom-64px.png", "gallery-worst-phantom-64px.png"}
    figures = {f"{what}-phantom-64px.png" for what in ("forest", "findings")}
    drawn = {name for name in names if "-page" not in name}
    others = {"README.md", "index.html", "learning_curves.png", "table.lock.json"}
    assert drawn == expected | figures | galleries | others
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert bench("report", "small.yaml").returncode == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_csv_cells_are_the_means_of_the_records(finished):
    bench, _ = finished
    cells = pd.read_csv(bench.folder / "reports/small/point_accuracy-phantom-64px.csv")
    for cell in cells[cells["kind"] == "model"].itertuples():
        assert cell.n == cell.expected == 2
        if cell.column == "Weighted avg.":
            values = [natives(bench)[i]["metrics"]["point_accuracy/weighted"] for i in cell.trial_ids.split()]
            assert cell.mean == pytest.approx(sum(values) / 2)


def test_running_again_does_nothing(finished):
    bench, first = finished
    paths = list((bench.folder / "results" / "trials").glob("*/record.json"))
    before = {path: path.stat().st_mtime_ns for path in paths}
    again = bench("run", "small.yaml", PYTHONPROFILEIMPORTTIME="1")
    assert again.returncode == 0
    assert again.stdout == first.stdout
    imported = {line.rpartition("|")[2].strip() for line in again.stderr.splitlines()}
    assert "bench.execution.driver" in imported
    assert not imported & {"torch", "ray", "mlflow", "matplotlib", "scipy"}
    assert {path: path.stat().st_mtime_ns for path in paths} == before
    assert len(mlflow_runs(bench)) == 4


def mlflow_runs(bench):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{bench.folder / 'results' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("small")
    return [(client, run) for run in client.search_runs([experiment.experiment_id], "tags.kind = 'trial'")]


def test_mlflow_mirrors_every_trial(finished):
    bench, _ = finished
    found = records(bench)
    runs = mlflow_runs(bench)
    assert {run.data.tags["trial_id"] for _, run in runs} == found.keys()
    assert {run.info.run_name for _, run in runs} >= {"PYLON · s0 · phantom 64 px"}
    for client, run in runs:
        tags, record = run.data.tags, found[run.data.tags["trial_id"]]
        assert run.info.status == "FINISHED"
        assert tags["suite"] == "small"
        assert {"model", "dataset", "resolution", "seed", "git_commit"} <= tags.keys()
        assert run.data.params["recipe.learning_rate"] == "0.001"
        assert run.data.params["seed"] == tags["seed"]
        of_map = natives(bench)[tags["trial_id"]]["metrics"]
        for key, value in (record["outcome"]["metrics"] | of_map).items():
            assert run.data.metrics[key] == pytest.approx(value)
        assert [m.step for m in client.get_metric_history(run.info.run_id, "val_loss")] == [1]
        artifacts = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
        assert {
            "trial.json",
            "record.json",
            "history.csv",
            "learning_curve.png",
            "heatmaps.png",
        } <= artifacts


@pytest.mark.slow
def test_serial_executor_gives_the_same_numbers(finished):
    """In an environment with other threads, a recipe's own number of which is what counts."""
    bench, _ = finished
    serial = ["--serial", "--no-mlflow", "--results-dir", "serial", "--seeds", "1", "--checkpoint-every", "0"]
    done = bench("run", "small.yaml", *serial, OMP_NUM_THREADS="2", MKL_NUM_THREADS="2")
    assert done.returncode == 0, done.stderr
    expected = records(bench)
    serial = records(bench, "serial")
    assert len(serial) == 2
    for name, record in serial.items():
        assert record["outcome"]["metrics"] == expected[name]["outcome"]["metrics"]
        assert natives(bench, "serial")[name]["metrics"] == natives(bench)[name]["metrics"]
        ours, theirs = (bench.folder / results / "trials" / name for results in ("serial", "results"))
        assert (ours / "best.safetensors").read_bytes() == (theirs / "best.safetensors").read_bytes()
        for table in ("cams/native.parquet", MAXIMA, "logits.parquet", "boxes.parquet", "losses.parquet"):
            pd.testing.assert_frame_equal(pd.read_parquet(ours / table), pd.read_parquet(theirs / table))
    assert not (bench.folder / "serial" / "mlflow.db").exists()
    assert "(n=1)" in done.stdout  # the table is of the whole suite, and says what is not there yet


def written_at(bench):
    """By trial, when its record was written, in ns."""
    paths = (bench.folder / "results" / "trials").glob("*/record.json")
    return {path.parent.name: path.stat().st_mtime_ns for path in paths}


def test_failed_trial_is_recorded_shown_and_run_again_when_asked(bench, called):
    (bench.folder / "weights.safetensors").write_bytes(b"\0" * 64)
    suite = bench.folder / "small.yaml"
    broken = "[{name: baseline, weights: weights.safetensors}, pylon]"
    suite.write_text(suite.read_text().replace("[baseline, pylon]", broken).replace("[0, 1]", "[0]"))
    done = called("run", "small.yaml", "--serial", "--no-mlflow")
    assert done.returncode == 1, done.stderr
    states = {name.split("-")[0]: record["status"] for name, record in records(bench).items()}
    assert states == {"baseline": "failed", "pylon": "finished"}
    (failure,) = [record["error"] for record in records(bench).values() if record["error"]]
    assert "weights.safetensors: not a readable weights file" in failure
    assert "\n" not in failure
    assert "1 trial failed" in done.stderr
    assert "| Baseline | — |" in done.stdout
    assert "Failed: baseline-" in done.stdout

    assert called("run", "small.yaml", "--serial", "--no-mlflow").returncode == 1
    ended = written_at(bench)
    assert called("run", "small.yaml", "--serial", "--no-mlflow", "--retry-failed").returncode == 1
    again = written_at(bench)
    assert {name for name in ended if again[name] != ended[name]} == {
        n for n in ended if n.startswith("baseline")
    }


def test_blocked_trials_are_told_with_the_reason_and_leave_nothing(bench, called):
    (bench.folder / "weights.safetensors").write_bytes(b"\0" * 64)
    small = (bench.folder / "small.yaml").read_text().replace("[0, 1]", "[0]")
    source, child = "{name: baseline, weights: weights.safetensors}", "{from: small, model: Baseline}"
    (bench.folder / "small.yaml").write_text(small.replace("[baseline, pylon]", f"[{source}]"))
    tuned = small.replace("[baseline, pylon]", f"[{{name: baseline, init: {child}}}]")
    (bench.folder / "tuned.yaml").write_text(tuned.replace("title: Small", "title: Tuned"))
    done = called("run", "tuned.yaml", "--serial", "--no-mlflow")
    assert done.returncode == 1, done.stderr
    ((failed, record),) = records(bench).items()
    assert record["status"] == "failed"
    reason = record["error"].splitlines()[-1]
    plan = json.loads(called("plan", "tuned.yaml", "--json").stdout)["trials"]
    assert [(one["state"], one["starts_from"]) for one in plan] == [("failed", None), ("blocked", failed)]
    told = f"{plan[1]['id']} is blocked because {failed} failed: {reason}"
    assert f"1 trial failed: {failed}\n{told}\n`bench status --failures tuned.yaml` says why" in done.stderr
    assert told in " ".join(called("plan", "tuned.yaml").stdout.split())


@pytest.mark.slow
def test_maps_are_added_to_a_trial_that_ran(finished):
    bench, _ = finished
    maps = ["--set", "cams=[native, grad_cam, layer_cam]", "--only", "model=baseline", "--seeds", "0"]
    before = records(bench)
    trial = next(name for name in before if name.startswith("baseline-phantom-64px-s0"))
    folder = bench.folder / "results" / "trials" / trial
    (folder / "cams" / "layer_cam.parquet").mkdir(parents=True)  # a folder in the way of the file
    done = bench("run", "small.yaml", *maps, "--serial", "--reports-dir", "with-maps")
    assert done.returncode == 1
    assert f"{trial}: Grad-CAM finished, point localization accuracy" in done.stderr
    assert f"1 evaluation of maps failed: layer_cam of {trial}\n`bench status --failures" in done.stderr
    assert "Traceback" not in done.stderr
    error = json.loads((folder / "cams" / "layer_cam.json").read_text())["error"]
    assert error.startswith(f"{folder / 'cams' / 'layer_cam.parquet'}: is a folder")
    assert records(bench) == before
    assert re.search(r"^\| Baseline \[Grad-CAM\] \| \**\d\.\d\d\**\s\(n=1\)", done.stdout, re.MULTILINE)
    assert "| Baseline [Layer-CAM] | — |" in done.stdout

    plan = bench("plan", "small.yaml", *maps).stdout.splitlines()
    assert [line.split()[0] for line in plan[1:4]] == ["finished", "finished", "failed"]
    (run,) = [run for _, run in mlflow_runs(bench) if run.data.tags["trial_id"] == trial]
    assert run.info.status == "FINISHED"
    hits = pd.read_parquet(folder / "cams" / "grad_cam.parquet")["hit"]
    assert run.data.metrics["grad_cam/point_accuracy/weighted"] == pytest.approx(hits.mean())


NUM_EPOCHS = 12
LONGER = ["run", "small.yaml", "--only", "model=pylon", "--set", "recipe.batch_size=4"]
LONGER += ["--set", f"recipe.max_epochs={NUM_EPOCHS}", "--set", f"recipe.plateau_patience={NUM_EPOCHS}"]
ONE_BY_ONE = ["--max-concurrent", "1"]
"""One is interrupted, one not begun; a worker that need not import everything is half of the time."""


ONE_TRIAL = ["--seeds", "0"]


def start_and_wait_for_two_epochs(bench, *arguments):
    process = bench.start(*LONGER, *arguments)
    wait_until(lambda: any(len(h) >= 2 for h in histories(bench).values()) or process.poll(), "two epochs")
    assert process.poll() is None, process.stderr.read()
    return process


def assert_same_command_finishes(bench, before, *arguments, num_trials=1):
    done = bench(*LONGER, *arguments)
    assert done.returncode == 0, done.stderr
    assert_nothing_is_lost(bench, before, num_trials)


def assert_nothing_is_lost(bench, before, num_trials=1):
    """Epochs that were recorded before are kept to the digit, whether or not they are trained again."""
    after = histories(bench)
    assert len(after) == num_trials
    for name, history in after.items():
        assert history["epoch"].tolist() == list(range(1, NUM_EPOCHS + 1))
        if len(kept := before.get(name, ())):
            numbers = ["epoch", "learning_rate", "train_loss", "val_loss"]  # not its times
            pd.testing.assert_frame_equal(history.head(len(kept))[numbers], kept[numbers])
    assert {record["status"] for record in records(bench).values()} == {"finished"}


@pytest.mark.slow
def test_driver_killed_in_the_middle_then_the_same_command_finishes(bench):
    process = start_and_wait_for_two_epochs(bench, *ONE_BY_ONE)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=LONG_S)
    before = histories(bench)
    assert not any(record["status"] == "finished" for record in records(bench).values())
    bench.wait_for_end()
    assert_same_command_finishes(bench, before, *ONE_BY_ONE, num_trials=2)
    for client, run in mlflow_runs(bench):
        assert run.info.status == "FINISHED"
        assert [m.step for m in client.get_metric_history(run.info.run_id, "val_loss")] == list(
            range(1, NUM_EPOCHS + 1)
        )


@pytest.mark.slow
def test_control_c_stops_cleanly_then_the_same_command_finishes(bench):
    process = start_and_wait_for_two_epochs(bench, "--no-mlflow", *ONE_TRIAL)
    os.killpg(process.pid, signal.SIGINT)  # a terminal interrupts the whole group, workers included
    _, errors = process.communicate(timeout=LONG_S)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "the same command goes on" in errors
    assert not records(bench)
    assert not list((bench.folder / "results").glob(".stop-*"))
    bench.wait_for_end()
    assert_same_command_finishes(bench, histories(bench), "--no-mlflow", "--serial", *ONE_TRIAL)


def phases(results):
    paths = results.glob("trials/*/progress.json")
    return {json.loads(path.read_text())["phase"] for path in paths}


@pytest.fixture
def long_epoch(bench):
    """The command of a trial with one long epoch; checkpoints are due after it and after a minute."""
    suite = bench.folder / "small.yaml"
    slower = suite.read_text().replace("train: 48", "train: 480").replace("tu-test_resnet", "resnet18")
    suite.write_text(slower)
    return ["run", "small.yaml", "--only", "model=pylon", "--seeds", "0", "--no-mlflow"]


@pytest.mark.parametrize("how", ["--serial", pytest.param("--max-concurrent=1", marks=pytest.mark.slow)])
def test_control_c_writes_the_checkpoint_of_the_last_step(bench, long_epoch, how):
    results = bench.folder / "results"
    process = bench.start(*long_epoch, how)
    wait_until(lambda: "epoch 1/1" in phases(results), "a step of training")
    assert not list(results.glob("trials/*/last.ckpt"))
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=LONG_S)
    assert process.returncode == 130, errors
    assert "write a checkpoint and stop; once more stops at once" in errors
    assert list(results.glob("trials/*/last.ckpt"))
    bench.wait_for_end()


@pytest.mark.slow
def test_a_second_control_c_stops_at_once(bench, long_epoch):
    trials = load_suite(bench.folder / "small.yaml").grid.trials
    trial = next(one for one in trials if (one.model, one.seed) == ("pylon", 0))
    held = ResultsStore(bench.folder / "results").folder(trial.id)
    with held.locked():  # its worker waits for this, and never comes to a step's end
        process = bench.start(*long_epoch)
        wait_until((held.path / "lease.json").exists, "the start of the trial")
        os.killpg(process.pid, signal.SIGINT)
        wait_until(lambda: [*held.path.parents[1].glob(".stop-*")], "that it is heard")
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=LONG_S)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    bench.wait_for_end()


@pytest.mark.slow  # the quick one is in tests/execution/test_lost_gpus.py
def test_worker_killed_in_the_middle_is_started_again(bench, monkeypatch):
    """Ray, if it waits for the word on a death, knows more of it than that nothing answers."""
    monkeypatch.setenv("RAY_timeout_ms_task_wait_for_death_info", "30000")
    process = start_and_wait_for_two_epochs(bench, "--no-mlflow", *ONE_TRIAL)
    before = histories(bench)
    workers = bench.processes("ImplicitFunc")
    assert workers
    for worker in workers:
        worker.kill()
    _, errors = process.communicate(timeout=LONG_S)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert "its worker died: it was killed or crashed, as happens where memory runs out; it goes on" in errors
    assert_nothing_is_lost(bench, before)


@needs_radiographs
@pytest.mark.slow
def test_real_radiographs_in_the_official_layout(bench, called):
    download = bench.folder / "download"
    lay_out_radiographs(download, "--size", "256", "--limit", "40")
    text = (bench.folder / "small.yaml").read_text()
    start, end = text.index("datasets:"), text.index("resolutions:")
    (bench.folder / "small.yaml").write_text(text[:start] + "datasets: [nih]\n" + text[end:])
    arguments = ["--data-root", str(download), "--seeds", "0", "--serial", "--no-mlflow"]
    refused = called("run", "small.yaml", *arguments)
    assert refused.returncode == 2
    assert "counts_unexpected: " in refused.stderr  # a part of the data set is not the data set
    accepted = "accept=[counts_unexpected, patients_shared_train_val]"
    done = called("run", "small.yaml", *arguments, "--set", accepted)
    assert done.returncode == 0, done.stderr
    assert "Nodule" in done.stdout
    assert "Best constant point" in done.stdout
    assert (bench.folder / "reports/small/point_accuracy-nih-64px.tex").exists()
    for name in records(bench):
        units = pd.read_parquet(bench.folder / "results" / "trials" / name / "cams" / "native.parquet")
        assert len(units) >= 40
        assert units["image"].str.fullmatch(r"\d{8}_\d{3}\.png").all()


@pytest.fixture(scope="module")
def dashboard(finished):
    """The address of the dashboard, as it is printed; the port that it would take is taken."""
    bench, _ = finished
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # it is taken already
            other.bind(("127.0.0.1", DEFAULT_PORT))
        other.listen()
        process = bench.start("ui")
        address = re.search(r"http://127\.0\.0\.1:\d+", process.stderr.readline()).group()
        assert process.stderr.readline().startswith(f"  small: {address}/#/experiments/")
        try:
            wait_until(lambda: answers(address), "the dashboard's answer")
            yield address
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=LONG_S)
    assert process.returncode == 0
    wait_until(lambda: not answers(address), "the dashboard's end")


def answers(address):
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=2) as response:
            return response.status == 200
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def test_dashboard_takes_a_free_port_on_loopback_and_ends_without_orphans(dashboard):
    assert not dashboard.endswith(f":{DEFAULT_PORT}")


@pytest.mark.slow
def test_dashboard_shows_runs_curves_and_the_table_without_complaints(finished, dashboard, open_page):
    bench, _ = finished
    ((parent, experiment),) = {
        (run.data.tags["mlflow.parentRunId"], run.info.experiment_id) for _, run in mlflow_runs(bench)
    }
    runs = f"{dashboard}/#/experiments/{experiment}/runs"
    by_accuracy = "orderByKey=metrics.%60point_accuracy%2Fweighted%60&compareRunsMode=CHART"
    children = {run.info.run_name for _, run in mlflow_runs(bench)}
    for url, expected in (
        (f"{dashboard}/{runs_link(experiment)}", {"small #1", "auroc/weighted", *children}),
        (f"{runs}?{by_accuracy}", {"point_accuracy/weighted", "js-plotly-plot", *children}),
        (f"{runs}/{parent}", {"small #1", "Point localization accuracy, phantom, 64 px", "<td>PYLON</td>"}),
    ):
        opened = open_page(url)
        opened.wait_for(*expected)
        assert opened.complaints == []
