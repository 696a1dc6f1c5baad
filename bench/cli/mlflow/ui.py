"""Start MLflow's dashboard on 127.0.0.1, until Ctrl-C.

Its address is printed, and that of each suite's runs.
"""

import argparse
import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys

from bench.cli import arguments as shared
from bench.cli.render import note
from bench.errors import ResultsError
from bench.redaction import redacted

EXAMPLES = """\
examples:
  bench ui
  bench ui --results-dir /mnt/results --port 5001
"""

GRACE_S = 10.0
"""Time for the server to end by itself."""

DEFAULT_PORT = 5000
_HOST = "127.0.0.1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_results_dir(parser)
    parser.add_argument(
        "--port", type=int, help=f"TCP port (default: {DEFAULT_PORT}, or a free one where that is taken)"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Runs MLflow's server on the results folder's store in a process group of its own."""
    from bench.tracking.dashboard import runs_link
    from bench.tracking.database import default_uri, experiments, relocate, sqlite_uri

    uri = default_uri(arguments.results_dir)
    if uri.startswith(("http://", "https://")):
        note(redacted(f"dashboard: {uri}, the server that MLFLOW_TRACKING_URI names"))
        return 0
    database = arguments.results_dir.resolve() / "mlflow.db"
    if uri == sqlite_uri(database) and not database.exists():
        raise ResultsError(
            f"{database}: no MLflow store here yet; bench run makes one, or bench mlflow-sync from results"
        )
    port = _port(arguments.port)
    with contextlib.suppress(sqlite3.Error):  # one that may only be read, or that MLflow itself refuses
        relocate(database, database.parent)
    command = [sys.executable, "-m", "mlflow", "server"]
    command += ["--host", _HOST, "--port", str(port), "--workers", "1"]
    command += ["--uvicorn-opts", "--log-level warning"]
    quiet = {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONWARNINGS": "ignore",
    }
    given = {"MLFLOW_BACKEND_STORE_URI": uri}  # not on the command line, which others see
    address = f"http://{_HOST}:{port}"
    note(f"dashboard: {address} in some seconds; Ctrl-C stops it")
    for suite, experiment_id in experiments(database.parent).items() if uri == sqlite_uri(database) else ():
        note(f"  {suite}: {address}/{runs_link(experiment_id)}")
    sys.stderr.flush()
    for how in (signal.SIGINT, signal.SIGTERM):  # a shell's background job starts with SIGINT ignored
        signal.signal(how, signal.default_int_handler)
    server = subprocess.Popen(command, env=quiet | os.environ | given, start_new_session=True)
    try:
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _end(server)


def _port(asked: int | None) -> int:
    """Returns the port to listen on.

    Raises:
        ResultsError: the one that was asked for is taken, or is none.
    """
    wanted = DEFAULT_PORT if asked is None else asked
    for port in (wanted, 0) if asked is None else (wanted,):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError, OverflowError):
                probe.bind((_HOST, port))
                return int(probe.getsockname()[1])
    raise ResultsError(
        f"--port {wanted}: cannot be used, another program may have it; without it a free one is taken"
    )


def _end(server: "subprocess.Popen[bytes]") -> None:
    """Ends the server and its own children, which would outlive it: the whole group, in the end by force."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(GRACE_S)
