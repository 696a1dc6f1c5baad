"""A run of a suite is written down, whatever ends it."""

import contextlib

import pytest

from bench.errors import ResultsError
from bench.execution.driver import Driver, recorded
from bench.results.invocation import Invocations
from bench.results.store import ResultsStore
from bench.suite.load import load_suite


@pytest.mark.parametrize(
    ("reason", "status", "error"),
    [
        (None, "finished", None),
        (KeyboardInterrupt(), "interrupted", None),
        (ResultsError("the disk is gone"), "failed", "the disk is gone"),
    ],
)
def test_what_ends_a_run_early_is_written_down(tmp_path, reason, status, error):
    path = tmp_path / "small.yaml"
    path.write_text("models: [baseline]\ndatasets: [phantom]\nresolutions: [64]\nseeds: [0]\n")
    loaded, store = load_suite(path), ResultsStore(tmp_path / "results")
    expected = contextlib.nullcontext() if reason is None else pytest.raises(type(reason))
    with expected, recorded(loaded, ("run",), Driver(store), tmp_path / "report"):
        if reason is not None:
            raise reason
    (ended,) = Invocations(store).of("small")
    assert (ended.status, ended.error) == (status, error)
