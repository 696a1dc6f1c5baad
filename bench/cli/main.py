"""Entry point: parses the command line, runs a verb, turns errors into one sentence and an exit code."""

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import NoReturn

from bench.cli import arguments as shared
from bench.cli.data import data, predict
from bench.cli.data import list as list_verb
from bench.cli.mlflow import sync, ui
from bench.cli.read import compare, reference, report, rescore, show, verify
from bench.cli.run import init, plan, probe, replay, run, status
from bench.cli.streams import drop_output, print_anything
from bench.errors import BenchError, explained, nearest
from bench.redaction import redact_output, redacted
from bench.suite.user_path import ensure_home

EXIT_DONE, EXIT_TRIALS_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130

THEMES: Mapping[str, Mapping[str, ModuleType]] = {
    "run a suite": {
        "init": init,
        "plan": plan,
        "run": run,
        "status": status,
        "probe": probe,
        "replay": replay,
    },
    "read its results": {
        "report": report,
        "verify": verify,
        "compare": compare,
        "show": show,
        "rescore": rescore,
        "reference": reference,
    },
    "models and data": {"list": list_verb, "predict": predict, "data": data},
    "MLflow": {"ui": ui, "mlflow-sync": sync},
}
"""Verbs as `bench --help` lists them. Each has a docstring, EXAMPLES, `add_arguments` and `execute`."""

VERBS = {name: module for verbs in THEMES.values() for name, module in verbs.items()}

_DESCRIPTION = (
    "Does a classifier's class activation map point at the disease? Suites of trials, from YAML to tables."
)
_EXAMPLES = """\
examples:
  bench list suites      the suites that come along, and your own in suites/
  bench run demo         train and score the demo on this machine, print its table
  bench plan demo        show its trials and which are done
  bench init demo        copy it to suites/my_demo.yaml, to edit it
"""


class Parser(argparse.ArgumentParser):
    """argparse with suggestions for misspelt verbs and options, and usage errors as one sentence."""

    def error(self, message: str) -> NoReturn:
        """Prints the sentence and exits with 2."""
        self.exit(EXIT_USAGE, redacted(f"{self.prog}: {message}; see {self.prog} --help\n"))


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser of the whole command line."""
    parser = Parser(
        prog="bench",
        usage="bench [-h] [--version] VERB ...",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    for theme, verbs in THEMES.items():
        lines = [f"{name:<11}  {shared.summary(module)}" for name, module in verbs.items()]
        parser.add_argument_group(theme, "\n".join(lines))
    subparsers = parser.add_subparsers(
        dest="verb", metavar="VERB", prog="bench", parser_class=Parser, help=argparse.SUPPRESS
    )
    for name, module in VERBS.items():
        module.add_arguments(shared.add_verb(subparsers, name, module))
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code.

    0 done, 1 trials failed or claims refuted, 2 bad usage or suite.
    """
    print_anything()
    ensure_home()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s", stream=sys.stderr)
    redact_output()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and not words[0].startswith("-") and words[0] not in VERBS:
        allowed = ", ".join(VERBS)
        print(f"bench: no verb {words[0]!r}; there are {allowed}{nearest(words[0], VERBS)}", file=sys.stderr)
        return EXIT_USAGE
    parser = build_parser()
    parsed = parser.parse_args(words)
    if parsed.version:
        from bench import __version__

        print(__version__)
        return EXIT_DONE
    if parsed.verb is None:
        parser.print_help()
        return EXIT_USAGE
    try:
        code: int = VERBS[parsed.verb].execute(parsed)
        sys.stdout.flush()
    except BenchError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from here", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output has seen enough
        drop_output()
        return EXIT_DONE
    except OSError as error:
        print(explained(error), file=sys.stderr)
        drop_output()
        return EXIT_USAGE
    return code
