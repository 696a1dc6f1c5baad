"""A run as JSON lines, by the driver that writes records, on real trials."""

import io
import json

from trials import context_in, suite_text

from bench.execution.driver import Driver, run_grid
from bench.execution.event_log import EventLog
from bench.execution.serial import SerialExecutor
from bench.results.store import ResultsStore
from bench.suite.load import load_suite

SUITE = suite_text(images=(8, 4, 4), cams="[native, grad_cam]", recipe="{batch_size: 4, max_epochs: 2}")


def events_of(path, text: str) -> list[dict]:
    (path / "suite.yaml").write_text(text)
    loaded, stream = load_suite(path / "suite.yaml"), io.StringIO()
    driver = Driver(ResultsStore(path), [EventLog(stream)])
    context = context_in(path)
    run_grid(loaded.grid, loaded.suite.resources, context, SerialExecutor(), driver)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_everything_that_happens_is_a_line_in_its_order(tmp_path):
    events = events_of(tmp_path, SUITE)
    names = [event["event"] for event in events]
    assert names == ["planned", "started", "epoch", "epoch", "finished", "evaluated"]
    trial_id = events[1]["id"]
    assert events[0]["trials"] == [trial_id]
    assert [(e["id"], e["epoch"], e["max_epochs"]) for e in events[2:4]] == [
        (trial_id, 1, 2),
        (trial_id, 2, 2),
    ]
    assert events[4]["metrics"].keys() >= {"point_accuracy/weighted", "auroc/macro"}
    assert events[5]["cam"] == "grad_cam"
    assert all("T" in event["time"] for event in events)


def test_a_failure_has_its_error(tmp_path):
    events = events_of(tmp_path, SUITE.replace("max_epochs: 2", "max_epochs: 2, learning_rate: 1e30"))
    last = events[-1]
    assert (last["event"], last["id"]) == ("failed", events[0]["trials"][0])
    assert "finished" not in [event["event"] for event in events]
    assert last["error"]
    assert last["error"] == ResultsStore(tmp_path).record(last["id"]).error
