"""Folds of patients: what is fitted to some of them is scored on the others."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.metrics.regions import Integers

NUM_FOLDS = 5
NUM_DEALS = 20
"""How often patients are dealt into folds: one deal moves what is fitted by chance."""


def folds_of(patients: "pd.Series | npt.NDArray[np.object_] | Sequence[str]") -> Integers:
    """Returns the fold of each unit by each deal, [deals, n]; units of a patient share a fold.

    Args:
        patients: [n] patient of each unit. Patients are dealt in the order of their names by fixed random
            numbers, so that the same patients have the same folds.
    """
    names, patient_of = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    return np.stack([_dealt(len(names), deal)[patient_of] for deal in range(NUM_DEALS)])


def _dealt(num_patients: int, deal: int) -> Integers:
    """Returns the fold of each patient."""
    folds = np.empty(num_patients, dtype=np.int64)
    order = np.random.default_rng(deal).permutation(num_patients)
    folds[order] = np.arange(num_patients) % NUM_FOLDS
    return folds
