"""Tables of boxes."""

import pandas as pd

from bench.metrics.regions import scaled


def test_scaling_multiplies_every_side_and_keeps_the_rest() -> None:
    table = pd.DataFrame(
        [(7, 2, 100.0, 200.0, 50.0, 25.0)], columns=["image_index", "class_index", "x", "y", "w", "h"]
    )
    assert scaled(table, 0.25).to_dict("records") == [
        {"image_index": 7, "class_index": 2, "x": 25.0, "y": 50.0, "w": 12.5, "h": 6.25}
    ]
    assert table.loc[0, "x"] == 100.0
