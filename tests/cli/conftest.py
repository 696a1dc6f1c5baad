"""An own folder of images that verbs can run on."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

WriteWard = Callable[[Path, tuple[str, str]], list[str]]


@pytest.fixture(scope="session")
def write_ward() -> WriteWard:
    """Writes sixteen images and labels.csv, in which two findings take turns; returns the images' names."""

    def write(folder: Path, findings: tuple[str, str]) -> list[str]:
        rng, names = np.random.default_rng(0), [f"im{i:02}" for i in range(16)]
        (folder / "images").mkdir()
        for name in names:
            image = cv2.GaussianBlur(rng.integers(0, 256, (72, 72), np.uint8), (0, 0), 2)
            assert cv2.imwrite(str(folder / "images" / f"{name}.png"), image)
        parts = ["train"] * 8 + ["val"] * 2 + ["test"] * 6
        labels = {"image": names, "patient": names, "split": parts}
        labels |= {findings[0]: [1, 0] * 8, findings[1]: [0, 1] * 8}
        pd.DataFrame(labels).to_csv(folder / "labels.csv", index=False)
        return names

    return write
