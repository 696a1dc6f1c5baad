"""Print the JSON Schema of suites, for editors."""

import argparse
import json

EXAMPLES = """\
examples:
  bench schema > suite.schema.json
  bench schema | python3 -m json.tool
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb has none."""


def execute(_arguments: argparse.Namespace) -> int:
    """Prints the schema."""
    from bench.suite.schema import suite_schema

    print(json.dumps(suite_schema(), indent=2))
    return 0
