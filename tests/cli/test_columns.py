"""Text for a terminal."""

from bench.cli.columns import wrap


def test_commands_and_hyphenated_words_stay_whole():
    text = "so that `bench list models` measures what is GPU-hours"
    assert wrap(text, 24) == ["so that", "  `bench list models`", "  measures what is", "  GPU-hours"]


def test_all_lines_are_indented_where_they_belong_to_the_one_above():
    assert wrap("one two", 6, is_indented=True) == ["  one", "  two"]
