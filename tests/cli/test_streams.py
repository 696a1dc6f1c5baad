"""What is printed passes through every encoding: no error, the same exit code, JSON that is JSON."""

import io
import json
import os
import sys
from pathlib import Path

import pytest

from bench.cli.main import main

SUITE = """\
title: β-PYLON ≥ 2 − “new”
models: [{name: pylon, label: 'β-PYLON ≥ 2'}]
datasets: [phantom]
resolutions: [64]
seeds: [0]
encoder: tu-test_resnet
weights: none
"""


@pytest.fixture
def printed(tmp_path, monkeypatch):
    """Runs bench with stdout and stderr of the encoding; returns the exit code and both."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(SUITE, encoding="utf-8")

    def run(encoding: str, *words: str) -> tuple[int, str, str]:
        streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", streams[0])
            patch.setattr(sys, "stderr", streams[1])
            code = main(words)
            for stream in streams:
                stream.flush()
        out, err = (stream.buffer.getvalue().decode(encoding) for stream in streams)
        return code, out, err

    return run


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
@pytest.mark.parametrize(
    "words",
    [["plan", "mine.yaml"], ["data", "check", "phantom"], ["list", "models"], ["report", "mine.yaml"]],
)
def test_every_encoding_takes_every_verb_with_the_same_code(printed, encoding, words):
    code, out, err = printed(encoding, *words)
    assert (code, err) == (0, "") or words[0] == "report"
    assert code == 0
    assert out


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_json_keeps_every_character_in_every_encoding(printed, encoding):
    _, out, _ = printed(encoding, "plan", "mine.yaml", "--json")
    assert "β-PYLON ≥ 2" in str(json.loads(out))


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_file_whose_name_is_no_text_is_told_and_nothing_breaks(printed, encoding):
    code, _, err = printed(encoding, "plan", os.fsdecode(b"caf\xe9.yaml"))
    assert code == 2
    assert err.startswith("caf\\xe9.yaml: ")
    suite = Path(os.fsdecode(b"m\xe9.yaml"))
    suite.write_text(SUITE, encoding="utf-8")
    code, _, err = printed(encoding, "plan", str(suite))
    assert code == 2
    assert "rename" in err


def test_a_closed_stdout_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["list", "datasets"]) == 0


def test_a_stdout_that_is_full_is_a_sentence(monkeypatch, capfd):
    device = Path("/dev/full")
    if not device.exists():
        pytest.skip("no /dev/full here")
    with device.open("w", encoding="utf-8") as full, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", full)
        assert main(["list", "datasets"]) == 2
    assert "the disk is full" in capfd.readouterr().err
