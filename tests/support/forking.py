"""Runs of the command line that begin at once: a process that has imported everything forks one per request.

As a script it is that process. A line on standard input is a JSON list of arguments; two lines on standard
output are the process' id and, when it has ended, its exit code (negative: the signal that killed it). What a
run says is in the files `run.out` and `run.log`.
"""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

USED = (
    "bench.cli.main",
    "bench.execution.driver",
    "bench.execution.live",
    "bench.execution.serial",
    "bench.models.pylon",
    "bench.reporting.build",
)


class ForkedBench:
    """Starts `bench` in a folder, in forked processes, one after the other."""

    def __init__(self, folder: Path, environment: Mapping[str, str] = {}) -> None:  # not changed
        self.folder = folder
        self._server = subprocess.Popen(
            [sys.executable, __file__],
            cwd=folder,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, *arguments: str) -> int:
        """Returns the process' id."""
        self._server.stdin.write(json.dumps(arguments) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())

    def exit_code(self) -> int:
        """Waits for the end of the process that was started last."""
        return int(self._server.stdout.readline())

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        self.start(*arguments)
        code, (out, log) = self.exit_code(), (self.folder / "run.out", self.folder / "run.log")
        return subprocess.CompletedProcess(arguments, code, out.read_text("utf-8"), log.read_text("utf-8"))

    def end(self) -> None:
        self._server.stdin.close()
        self._server.wait(60)
        self._server.stdout.close()


def serve() -> None:
    from bench.cli.main import main

    for name in USED:
        importlib.import_module(name)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            for number, name in ((1, "run.out"), (2, "run.log")):
                os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            try:
                code = main(json.loads(line))
            except SystemExit as ended:
                code = ended.code or 0
            sys.stdout.flush()
            os._exit(code)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
