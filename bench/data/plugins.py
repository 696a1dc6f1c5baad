"""Data sets from outside of bench: their readers are called here, and what they return is looked at.

An error of their code, now or later, is a sentence with its place in that code.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Any

import numpy as np
import pandas as pd

from bench.data.sources.source import DataSource
from bench.data.sources.tables import SIDES
from bench.errors import BenchError, PluginError
from bench.suite.dataset_specs import SHORT_NAME
from bench.suite.plugins import imported, mistake

_PARTS = ["train", "val", "test"]


def plugin_function(target: str) -> Callable[..., Any]:
    """Returns the function at ``module:function``, whose errors are `PluginError`.

    Raises:
        PluginError: there is none, or importing it raised an error.
    """
    return _telling(imported(target), target.partition(":")[0])


def sound_source(source: object, target: str) -> DataSource:
    """Returns what the reader at `target` returned; errors of its functions will be `PluginError`.

    Raises:
        PluginError: it is no data set.
    """
    problem = problem_of_source(source)
    if problem is not None:
        raise PluginError(f"returns {problem}", place=target)
    assert isinstance(source, DataSource)
    module = target.partition(":")[0]
    functions = {name: getattr(source, name) for name in ("frames", "draw", "readings")}
    told: dict[str, Any] = {name: _telling(one, module) for name, one in functions.items() if one is not None}
    return replace(source, **told)


def _telling(function: Callable[..., Any], module: str) -> Callable[..., Any]:
    @wraps(function)
    def tell(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except (BenchError, OSError):
            raise
        except Exception as error:
            raise mistake(error, module) from error

    return tell


def problem_of_source(source: object) -> str | None:
    """Returns what is not as `DataSource` says, to follow "returns"; None if it can be worked with."""
    if not isinstance(source, DataSource):
        return f"{type(source).__name__} and no bench.data.sources.source.DataSource"
    for problem in (_names, _labels, _parts, _boxes):
        found = problem(source)
        if found is not None:
            return found
    return None


def _names(source: DataSource) -> str | None:
    if not isinstance(source.name, str) or not re.fullmatch(SHORT_NAME, source.name):
        return f"the name {source.name!r}, which is to be one that is safe in file names"
    findings = source.findings
    if not isinstance(findings, tuple) or not findings or not all(isinstance(one, str) for one in findings):
        return f"findings {findings!r}, and a tuple of names is needed"
    return f"findings with a name twice, {findings!r}" if len(set(findings)) < len(findings) else None


def _labels(source: DataSource) -> str | None:
    labels = source.labels
    if not isinstance(labels, pd.DataFrame) or list(labels.columns) != list(source.findings):
        return "labels without exactly a column for each finding, in their order"
    if not labels.index.is_unique:
        return f"labels with image {labels.index[labels.index.duplicated()][0]!r} twice"
    if not all(isinstance(name, str) for name in labels.index):
        return "labels with names of images that are no text"
    if not np.isin(labels.to_numpy(), (0, 1)).all():
        return "labels other than 0 and 1"
    is_known = isinstance(source.patients, pd.Series) and source.patients.index.is_unique
    return None if is_known else "patients that are no series of one patient for each image"


def _parts(source: DataSource) -> str | None:
    if not isinstance(source.parts, Mapping) or list(source.parts) != _PARTS:
        return "parts that are not train, val and test, in this order"
    for part, names in source.parts.items():
        for what, index in (("labels", source.labels.index), ("patients", source.patients.index)):
            strange = [name for name in names if name not in index]
            if strange:
                return f"image {strange[0]!r} of part {part}, which the {what} do not have"
    return None


def _boxes(source: DataSource) -> str | None:
    boxes = source.boxes
    if not isinstance(boxes, pd.DataFrame) or not {"image", "finding", *SIDES} <= set(boxes.columns):
        return f"boxes without columns image, finding, {', '.join(SIDES)}"
    for column, known in (("image", source.labels.index), ("finding", source.findings)):
        strange = [value for value in boxes[column].unique() if value not in known]
        if strange:
            return f"boxes of {column} {strange[0]!r}, which the labels do not have"
    sides = boxes[list(SIDES)].to_numpy(float)
    if not np.isfinite(sides).all() or (sides[:, 2:] <= 0).any():
        return "boxes with sides that are not finite, or not above 0"
    return None
