"""Does a suite under random kills end with the records of an undisturbed run?

    python benchmarks/chaos.py [FOLDER] [--trials 24] [--epochs 4] [--workers 6] [--drivers 4] …

Runs a phantom suite of tiny trials undisturbed, one by one. Then runs it on Ray, mirrored to an MLflow
server, while workers, the driver and that server are killed at random moments; a killed driver's command is
given again, a killed server is started again after some seconds. Compares records, units, boxes, losses and
weights to the bit, counts MLflow's runs by trial, and looks for processes that are left. Exits with 1 and
says what differs if anything does. With --servers 0 the mirror is the SQLite file, without a server.
"""

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import psutil
from folder import parser_of, working_folder

SUITE = """\
title: Chaos
models: [baseline, pylon]
datasets: [{name: phantom, train: 64, val: 8, test: 12}]
resolutions: [64]
seeds: [%s]
encoder: tu-test_resnet
weights: none
recipe: {batch_size: 4, learning_rate: 1e-3, max_epochs: %d}
"""

MARK = "BENCH_CHAOS"
"""A variable of the environment: who has it was started here, directly or not."""

WORKER_KILLS_PER_DRIVER = 2
"""So that no trial loses its worker more often than it is started again."""

DOWN_S = 5.0
PATIENCE_S, END_S = 600.0, 30.0


@dataclass
class Chaos:
    """A run and who is killed in it.

    Attributes:
        folder: holds the suite and all results.
        left: how often each is still to be killed.
        chance: makes all choices.
        pause_s: between two kills, at least and at most.
        done: how often each was killed.
    """

    folder: Path
    left: Counter[str]
    chance: random.Random
    pause_s: tuple[float, float]
    done: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("BENCH_", "MLFLOW_"))}
        self.environment[MARK] = str(self.folder)
        self.server: subprocess.Popen[bytes] | None = None
        self.server_starts_at_s = 0.0
        if self.left["server"]:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
            self.start_server()
            self.environment["MLFLOW_TRACKING_URI"] = f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> Path:
        """Where MLflow keeps its runs."""
        return self.folder / ("server.db" if self.server else "chaotic/mlflow.db")

    def bench(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Starts `bench run` on the suite."""
        command = [sys.executable, "-m", "bench", "run", "chaos.yaml", "--checkpoint-every", "0", *arguments]
        log = (self.folder / "run.log").open("ab")
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=log, stderr=log)

    def start_server(self) -> None:
        """Starts MLflow's server and waits for its answer."""
        command = [sys.executable, "-m", "mlflow", "server", "--port", str(self.port), "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{self.folder / 'server.db'}"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        log = (self.folder / "server.log").open("ab")
        environment = self.environment | quiet
        self.server = subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )

        def answers() -> bool:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return True
            return False

        wait_until(answers)

    def end_server(self) -> None:
        """Kills MLflow's server and its children."""
        if self.server is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.server.pid, signal.SIGKILL)
            self.server.wait()

    def run(self) -> None:
        """Runs the suite to its end, under all the kills that are left."""
        driver, worker_kills = self.bench("--results-dir", "chaotic"), 0
        next_at_s = time.monotonic() + self.chance.uniform(*self.pause_s)
        while True:
            time.sleep(0.1)
            if driver.poll() is not None:
                if driver.returncode == 0:
                    return
                assert driver.returncode == -signal.SIGKILL, f"bench run ended with {driver.returncode}"
                driver, worker_kills = self.bench("--results-dir", "chaotic"), 0
            if self.server is not None and self.server.poll() is not None:
                if time.monotonic() > self.server_starts_at_s:
                    self.start_server()
                continue
            workers = list(workers_of(driver.pid))
            if time.monotonic() < next_at_s or not workers:
                continue
            next_at_s = time.monotonic() + self.chance.uniform(*self.pause_s)
            kinds = [kind for kind in sorted(self.left) if self.left[kind]]
            if worker_kills >= WORKER_KILLS_PER_DRIVER and "worker" in kinds and len(kinds) > 1:
                kinds.remove("worker")
            if not kinds or (kinds == ["worker"] and worker_kills >= WORKER_KILLS_PER_DRIVER):
                continue
            kind = self.chance.choice(kinds)
            if kind == "worker":
                self.chance.choice(workers).kill()
                worker_kills += 1
            elif kind == "driver":
                driver.kill()
            else:
                self.end_server()
                self.server_starts_at_s = time.monotonic() + DOWN_S
            self.left[kind] -= 1
            self.done[kind] += 1


def workers_of(pid: int) -> Iterator[psutil.Process]:
    """Yields Ray's workers that run trials, below the driver `pid`."""
    with suppress(psutil.NoSuchProcess):
        for process in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if "ImplicitFunc" in " ".join(process.cmdline()):
                    yield process


def started_here(folder: Path) -> list[psutil.Process]:
    """Returns the processes that live and bear the mark of `folder`, but for this one."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            marked = process.environ().get(MARK) == str(folder)
            if marked and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def wait_until(is_true: Callable[[], object], timeout_s: float = PATIENCE_S) -> bool:
    """Waits until it is, at most so long; returns whether it is."""
    deadline_s = time.monotonic() + timeout_s
    while not (result := bool(is_true())) and time.monotonic() < deadline_s:
        time.sleep(0.2)
    return result


def results_of(results: Path) -> dict[str, dict[str, object]]:
    """Returns by trial what has to be equal: its record but for times, its tables and weights."""
    found: dict[str, dict[str, object]] = {}
    for path in sorted(results.glob("trials/*")):
        if not (path / "record.json").exists():
            found[path.name] = {"record": None}
            continue
        record = json.loads((path / "record.json").read_text())
        del record["ended_at"], record["outcome"]["provenance"]
        del record["outcome"]["duration_s"], record["outcome"]["phases_s"]
        names = ("cams/native", "cams/native.maxima", "logits", "boxes", "losses")
        tables = {name: pd.read_parquet(path / f"{name}.parquet").to_csv() for name in names}
        history = pd.read_csv(path / "history.csv").drop(columns=["images_per_s", "duration_s"]).to_csv()
        weights = (path / "best.safetensors").read_bytes()
        found[path.name] = {"record": record, "history": history, "weights": weights, **tables}
    return found


def differences(chaos: Chaos, num_trials: int) -> Iterator[str]:
    """Yields what is not as in an undisturbed run."""
    calm, chaotic = results_of(chaos.folder / "calm"), results_of(chaos.folder / "chaotic")
    if len(calm) != num_trials or calm.keys() != chaotic.keys():
        yield f"{len(calm)} trials undisturbed, {len(chaotic)} under kills, of {num_trials}"
    for trial_id, expected in calm.items():
        for name, value in expected.items():
            if chaotic.get(trial_id, {}).get(name) != value:
                yield f"{trial_id}: another {name}"
    for path in chaos.folder.glob("chaotic/trials/*/*"):
        if path.suffix in (".ckpt", ".partial") or path.name in ("lease.json", "progress.json"):
            yield f"{path.parent.name}: {path.name} is left"
    query = (
        "SELECT tags.value, COUNT(*), MIN(runs.status), MAX(runs.status) "
        "FROM runs JOIN tags USING (run_uuid) "
        "WHERE tags.key = 'trial_id' AND runs.lifecycle_stage = 'active' GROUP BY tags.value"
    )
    with closing(sqlite3.connect(chaos.database)) as connection:
        runs = {trial_id: tuple(rest) for trial_id, *rest in connection.execute(query)}
    for trial_id in calm:
        if runs.get(trial_id) != (1, "FINISHED", "FINISHED"):
            yield f"{trial_id}: MLflow has {runs.get(trial_id, 'no run')}"


def main(arguments: Namespace, folder: Path) -> int:
    """Runs the suite both ways and says what differs; 1 if anything does."""
    folder.mkdir(parents=True, exist_ok=True)
    seeds = ", ".join(map(str, range(arguments.trials // 2)))
    (folder / "chaos.yaml").write_text(SUITE % (seeds, arguments.epochs), encoding="utf-8")
    kills = Counter(worker=arguments.workers, driver=arguments.drivers, server=arguments.servers)
    chance = random.Random(arguments.seed)  # noqa: S311  # no secret
    chaos, started_s = Chaos(folder, kills, chance, (arguments.pause / 6, arguments.pause)), time.monotonic()
    try:
        calm = chaos.bench("--results-dir", "calm", "--serial", "--no-mlflow")
        assert calm.wait() == 0, f"the undisturbed run ended with {calm.returncode}, see {folder}/run.log"
        calm_s, started_s = time.monotonic() - started_s, time.monotonic()
        chaos.run()
        chaotic_s = time.monotonic() - started_s
        again = chaos.bench("--results-dir", "chaotic")  # what the server missed while it was away
        assert again.wait() == 0, f"the last run ended with {again.returncode}, see {folder}/run.log"
    except BaseException:
        for process in started_here(folder):
            process.kill()
        raise
    finally:
        chaos.end_server()
    found = list(differences(chaos, arguments.trials // 2 * 2))
    if not wait_until(lambda: not started_here(folder), END_S):
        found += [f"left: {process}" for process in started_here(folder)]
    killed = ", ".join(f"{count} × {kind}" for kind, count in sorted(chaos.done.items()))
    print(f"{arguments.trials} trials, killed {killed}: {chaotic_s:.0f} s, undisturbed {calm_s:.0f} s")
    print(
        "\n".join(found)
        or "the same records, units, boxes, losses and weights; one run each; no process left"
    )
    return 1 if found else 0


if __name__ == "__main__":
    parser = parser_of(__doc__)
    defaults = {"trials": 24, "epochs": 4, "workers": 6, "drivers": 4, "servers": 2, "seed": 0}
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--pause", type=float, default=6.0, help="longest time between two kills, s")
    with working_folder(parser) as (given, folder):
        sys.exit(main(given, folder))
