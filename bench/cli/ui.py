"""Start the MLflow dashboard on 127.0.0.1 until Ctrl-C."""

import argparse
import contextlib
import os
import signal
import subprocess
import sys

from bench.cli import arguments as shared
from bench.errors import ResultsError

EXAMPLES = """\
examples:
  bench ui
  bench ui --results-dir /mnt/results --port 5001
"""

GRACE_S = 10.0
"""Time for the server to end by itself."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_results_dir(parser)
    parser.add_argument("--port", type=int, default=5000, help="TCP port (default: 5000)")


def execute(arguments: argparse.Namespace) -> int:
    """Runs MLflow's server on the results folder's store in a process group of its own."""
    from bench.tracking.mlflow import default_uri

    uri = default_uri(arguments.results_dir)
    database = arguments.results_dir.resolve() / "mlflow.db"
    if uri.endswith(str(database)) and not database.exists():
        raise ResultsError(f"{database}: no MLflow store here yet; bench run makes one")
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    command += ["--host", "127.0.0.1", "--port", str(arguments.port), "--workers", "1"]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    print(f"dashboard: http://127.0.0.1:{arguments.port} in some seconds; Ctrl-C stops it", file=sys.stderr)
    for how in (signal.SIGINT, signal.SIGTERM):  # a shell's background job starts with SIGINT ignored
        signal.signal(how, signal.default_int_handler)
    server = subprocess.Popen(command, env=quiet | os.environ, start_new_session=True)
    try:
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _end(server)


def _end(server: "subprocess.Popen[bytes]") -> None:
    """Ends the server and its own children, which would outlive it: the whole group, in the end by force."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(GRACE_S)
