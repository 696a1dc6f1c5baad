"""`bench report --figures` as a user types it, from records alone."""

from bench.cli.main import main
from bench.results.store import ResultsStore
from bench.suite.load import load_suite

SUITE = """\
title: Two
models: [pylon, baseline]
datasets: [phantom]
resolutions: [64]
seeds: [0, 1]
"""


def test_figures_are_written_from_records_and_printed(tmp_path, finish_trial, capsys):
    (tmp_path / "suite.yaml").write_text(SUITE)
    store = ResultsStore(tmp_path / "results")
    for trial in load_suite(tmp_path / "suite.yaml").grid.trials:
        hits = {(f"{i}.png", f"p{i}", "Mass"): i % 2 == trial.seed for i in range(4)}
        finish_trial(store, trial, hits)
    words = ["report", "--figures", str(tmp_path / "suite.yaml"), "--results-dir", str(store.root)]
    assert main([*words, "--reports-dir", str(tmp_path / "reports")]) == 0
    folder = tmp_path / "reports" / "suite"
    assert set(capsys.readouterr().out.split()) == {str(path) for path in folder.iterdir()}
    assert {"forest-phantom-64px.pdf", "findings-phantom-64px.png"} <= {p.name for p in folder.iterdir()}


def test_a_suite_that_was_never_run_is_a_sentence(tmp_path, capsys):
    (tmp_path / "suite.yaml").write_text(SUITE)
    assert (
        main(["report", "--figures", str(tmp_path / "suite.yaml"), "--results-dir", str(tmp_path / "none")])
        == 2
    )
    assert capsys.readouterr().err == (
        f"suite: no trial in {tmp_path / 'none'} has been trained yet, so there is nothing to draw; "
        "`bench run` trains them\n"
    )
