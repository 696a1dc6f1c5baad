"""The things that stored maps are scored by, as callers name them: metrics, an annotation, references."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.data.sources.annotations import Annotation, read_annotation
from bench.errors import SuiteError
from bench.metrics.protocol import THESIS, LocalizationProtocol
from bench.metrics.units import map_metrics
from bench.reporting.references import require_references
from bench.results.references import ReferenceFolder, reference_folder
from bench.suite.load import LoadedSuite
from bench.suite.metrics import Metric
from bench.suite.user_path import user_path


@dataclass(frozen=True)
class Scoring:
    """What maps are scored by.

    Attributes:
        protocol: the chosen one.
        metrics: of maps, at least one.
        annotation: in place of the own boxes; None for these.
    """

    protocol: LocalizationProtocol
    metrics: tuple[Metric, ...]
    annotation: Annotation | None = None

    @property
    def judges_claims(self) -> bool:
        """Whether claims are judged by both readings: they are about the thesis' protocol."""
        return self.annotation is not None and self.protocol == THESIS


def named_metrics(names: Sequence[str]) -> tuple[Metric, ...]:
    """Returns the metrics of maps of these names, in their own order; all of them if there are no names.

    Raises:
        SuiteError: there is no such metric of maps.
    """
    known = {metric.name: metric for metric in map_metrics()}
    for name in names:
        if name not in known:
            raise SuiteError(f"no metric of maps {name!r}", place="--metric", value=name, allowed=known)
    return tuple(metric for name, metric in known.items() if name in names or not names)


def named_annotation(word: str, loaded: LoadedSuite | None) -> Annotation:
    """Returns the annotation of a suite by its name, or that of ``NAME=FILE``.

    Raises:
        SuiteError: the suite has none of this name.
        DataError: it cannot be read.
    """
    name, equals, file = word.partition("=")
    if equals and name and file:
        return read_annotation(user_path(file))
    known = {} if loaded is None else loaded.suite.annotations
    if loaded is None or word not in known:
        raise SuiteError(
            f"no annotation {word!r}; the suite names files of annotations under annotations, or give "
            "NAME=FILE",
            place="--annotation",
            value=word,
            allowed=known,
        )
    return read_annotation(user_path(known[word], loaded.source.parent))


def named_references(
    loaded: LoadedSuite | None, names: Sequence[str], results_dir: Path
) -> tuple[ReferenceFolder, ...]:
    """Returns the references that the suite names, and those of these names, each once.

    Raises:
        SuiteError: there is none of a name, or neither a suite nor a name.
    """
    if loaded is None and not names:
        raise SuiteError("nothing to score: give a suite, or a reference", place="--reference")
    every = dict.fromkeys((*(() if loaded is None else loaded.suite.references), *names))
    require_references(tuple(every), results_dir)
    return tuple(reference_folder(results_dir, name) for name in every)
