"""Tables, sheets and sentences for terminals of any width and for pipes."""

import io
import sys

import pytest
from rich.text import Text

from bench.cli.render import Column, Sentence, Sheet, Table, show, show_json

IDS = ["pylon-phantom-64px-s0-1fc6826ddd", "li2018-phantom-64px-s0-a52b8c735d"]


@pytest.fixture
def shown(monkeypatch, capsys):
    """Returns the lines that `show` prints on a terminal of a width, or into a pipe."""

    def lines(width: int | None, *parts) -> list[str]:
        if width is None:
            monkeypatch.delenv("COLUMNS", raising=False)
        else:
            monkeypatch.setenv("COLUMNS", str(width))
        show(*parts)
        return capsys.readouterr().out.splitlines()

    return lines


def table(**changes) -> Table:
    columns = [Column("state", ["todo", "finished"]), Column("px", ["64", "128"], is_number=True)]
    return Table(**({"columns": columns} | changes))


def test_words_begin_and_numbers_end_at_one_edge_and_no_line_ends_with_a_space(shown):
    assert shown(80, table()) == ["state      px", "todo       64", "finished  128"]


def test_a_pipe_has_each_row_on_one_line(shown):
    long = Column("reason", ["no memory " * 40, ""])
    assert shown(None, table(text=long))[1] == f"todo       64  {('no memory ' * 40).strip()}"


def test_text_that_is_too_long_is_broken_beside_the_other_columns(shown):
    lines = shown(50, table(text=Column("reason", ["no memory is left on this machine for that", "none"])))
    assert lines == [
        "state      px  reason",
        "todo       64  no memory is left on this machine",
        "               for that",
        "finished  128  none",
    ]


def test_an_id_that_has_no_room_stands_below_its_row(shown):
    lines = shown(40, table(text=Column("trial", IDS)))
    assert lines == ["state      px", "todo       64", f"  {IDS[0]}", "finished  128", f"  {IDS[1]}"]


def test_optional_columns_are_left_out_where_they_do_not_fit(shown):
    seeds = Column("data set", ["phantom", "phantom"], is_optional=True)
    columns = [*table().columns, seeds, Column("trial", IDS)]
    assert "data set" not in shown(50, table(columns=columns))[0]
    assert "data set" in shown(80, table(columns=columns))[0]


def test_columns_that_do_not_fit_stand_below_beside_the_same_keys_and_groups_stay_together(shown):
    def group(name: str) -> list[Column]:
        return [Column(part, ["1,000"], is_number=True, group=name) for part in ("train", "val", "test")]

    lines = shown(40, Table([Column("", ["Mass"]), *group("images"), *group("boxes")]))
    assert lines == [
        "      images",
        "       train    val   test",
        "Mass   1,000  1,000  1,000",
        "",
        "      boxes",
        "      train    val   test",
        "Mass  1,000  1,000  1,000",
    ]


def test_commands_and_hyphenated_words_stay_whole(shown):
    text = "so that `bench list models` measures it in many GPU-hours on end"
    assert shown(40, text) == ["so that `bench list models` measures it", "  in many GPU-hours on end"]


def test_further_lines_of_a_sentence_stand_below_its_text(shown):
    lines = shown(40, Sentence("better than the rest of them by a lot", lead="refuted  ", indent=2, hang=0))
    assert lines == ["  refuted  better than the rest of them", "           by a lot"]


def test_facts_have_their_lines_below_each_other(shown):
    assert shown(80, Sheet([("trial", ["a"]), ("files", ["b", "c"])])) == [
        "trial: a",
        "files: b",
        "       c",
    ]


def test_colours_are_for_terminals_without_no_color(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    for no_color, has_colours in (("", True), ("1", False)):
        monkeypatch.setenv("NO_COLOR", no_color)
        monkeypatch.setattr(sys, "stdout", terminal := Terminal())
        show(table(columns=[Column("state", [Text("failed", style="red")])]))
        assert ("\x1b[" in terminal.getvalue()) is has_colours
        assert "failed" in terminal.getvalue()


def test_markup_of_names_is_text(shown):
    assert shown(80, "[bold]Mine[/bold] :smile:", table(columns=[Column("[red]", ["[/red]"])])) == [
        "[bold]Mine[/bold] :smile:",
        "[red]",
        "[/red]",
    ]


def test_json_is_ascii_and_indented(capsys):
    show_json({"±": None})
    assert capsys.readouterr().out == '{\n  "\\u00b1": null\n}\n'
