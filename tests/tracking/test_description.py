"""What the dashboard shows above a run stays what was said, whatever is said."""

import pytest
from markdown_it import MarkdownIt

from bench.results.invocation import Invocation, InvocationFolder
from bench.results.lease import this_process
from bench.results.record import Outcome, Record
from bench.suite.load import load_suite
from bench.tracking.dashboard import describe_invocation, describe_trial

READER = MarkdownIt("commonmark")
FOREIGN = "*x* <img src=x onerror=alert(1)> ``` [a](b)\n# c"


@pytest.fixture
def trial(tmp_path):
    (tmp_path / "s.yaml").write_text("models: [pylon]\ndatasets: [phantom]\nresolutions: [64]\nseeds: [0]\n")
    return load_suite(tmp_path / "s.yaml").grid.trials[0]


def test_an_error_ends_no_block_and_is_no_markup(trial):
    record = Record(trial=trial, status="failed", error=FOREIGN, ended_at="2026-01-01T00:00:00+00:00")
    page = READER.render(describe_trial(record, (), FOREIGN, None))
    assert "<img" not in page
    assert "<em>" not in page
    assert page.count("<pre>") == 1
    assert page.rstrip().endswith("# c\n</code></pre>")


def test_notes_are_no_markup(trial, provenance):
    outcome = Outcome(
        findings=(),
        metrics={},
        best_epoch=1,
        num_epochs=2,
        duration_s=1.0,
        notes=(FOREIGN,),
        provenance=provenance,
    )
    record = Record(trial=trial, status="finished", outcome=outcome, ended_at="2026-01-01T00:00:00+00:00")
    page = READER.render(describe_trial(record, (), "mine #1", "#/runs/1"))
    assert page.count("<a ") == 1
    assert page.count("<li>") == 1
    assert all(element not in page for element in ("<img", "<em>", "<h1>"))


def test_title_and_command_are_no_markup(tmp_path):
    invocation = Invocation(
        suite="mine",
        number=1,
        title=FOREIGN,
        command=("run", FOREIGN),
        trials=(),
        driver=this_process(),
        status="failed",
        started_at="2026-01-01T00:00:00+00:00",
        error=FOREIGN,
    )
    page = READER.render(describe_invocation(invocation, InvocationFolder(tmp_path), "#/charts", "#/runs"))
    assert page.count("<a ") == 2
    assert page.count("<code>") == 1
    assert all(element not in page for element in ("<img", "<em>", "<h1>", "<pre>"))
