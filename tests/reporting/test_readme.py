"""The README shows numbers that code has computed."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_readme_shows_the_table_of_the_committed_report():
    readme = (ROOT / "README.md").read_text()
    shown = readme.split("test_readme.py -->\n")[1].split("<!-- /table -->")[0]
    report = (ROOT / "reports" / "demo" / "point_accuracy-phantom-128px.md").read_text()
    table = "\n".join(line for line in report.splitlines() if line.startswith("|")) + "\n"
    assert shown == table


def test_continuous_integration_calls_the_second_command():
    readme = (ROOT / "README.md").read_text()
    commands = [line for line in readme.splitlines() if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    assert commands[1] in (ROOT / ".ci" / "run").read_text().splitlines()
