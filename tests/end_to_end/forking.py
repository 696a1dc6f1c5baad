"""Runs of the command line that begin at once: a process that has imported everything forks one per request.

A line on standard input is a JSON list of arguments; two lines on standard output are the process' id and,
when it has ended, its exit code (negative: the signal that killed it). What a run says itself is in run.log.
"""

import importlib
import json
import os
import sys

from bench.cli.main import main

USED = ("execution.driver", "execution.live", "execution.serial", "models.pylon", "reporting.build")


def serve() -> None:
    for name in USED:
        importlib.import_module(f"bench.{name}")
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            log = os.open("run.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os._exit(main(json.loads(line)))
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
