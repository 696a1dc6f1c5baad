"""What the names of NIH's images say."""

import pandas as pd


def patients_of(images: pd.Series) -> pd.Series:
    """Returns the patient of each image: what its name begins with, up to the first underscore."""
    return images.str.partition("_")[0]
