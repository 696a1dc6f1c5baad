"""docs/encoders.md says of encoders what holds, and its suite is one."""

import re
from pathlib import Path

from bench.suite.catalog import MODELS
from bench.suite.encoder_fit import misfit
from bench.suite.encoders import encoder_traits, unknown_encoder
from bench.suite.load import load_suite

PAGE = Path(__file__).parents[2] / "docs" / "encoders.md"


def test_each_row_of_the_table_is_what_the_code_says():
    rows = re.findall(r"^\| [^|]+ \| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$", PAGE.read_text("utf-8"), re.M)
    assert len(rows) >= 15
    for encoder, sides, excluded in rows:
        traits = encoder_traits(encoder)
        step = f"{traits.step_px} px"
        expected = f"{step} alone" if traits.is_fixed else f"multiples of {step}"
        unfit = ", ".join(name for name in MODELS.own if misfit(name, encoder)) or "none"
        assert (unknown_encoder(encoder), sides, excluded) == (None, expected, unfit), encoder


def test_the_suite_for_rad_dino_is_valid(blocks, tmp_path):
    (suite,) = blocks("encoders.md", "yaml")
    (tmp_path / "rad-dino").mkdir()
    (tmp_path / "rad-dino" / "model.safetensors").write_bytes(b"weights")
    path = tmp_path / "rad_dino.yaml"
    path.write_text(suite, encoding="utf-8")
    grid = load_suite(path).grid
    assert len(grid.points) == 18
    assert {trial.resolution for trial in grid.trials} == {518}
