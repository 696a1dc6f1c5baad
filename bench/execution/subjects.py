"""Subjects in trials: their classes and a data set's findings, their notes, and what stands for training."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.data.dataset import Dataset
from bench.errors import SuiteError, listing
from bench.evaluation.score import ModelScores, SplitScores
from bench.models.subjects import SubjectModel, build_subject
from bench.models.subjects.contract import doubt_of_first_norm, doubts
from bench.results.store import TrialFolder
from bench.suite.dataset_specs import title_of
from bench.suite.metrics import AVERAGES
from bench.suite.subject import ClassMap, class_map
from bench.suite.trial import Trial
from bench.training.checkpoint import read_weights, save_weights

log = logging.getLogger(__name__)

NO_NATIVE_MAP = "its head is not linear behind global average pooling, so it has no native map"


@dataclass(frozen=True)
class SubjectClasses:
    """The findings of a data set that a subject has a class for, and those that it lacks.

    Attributes:
        found: by name.
        lacks_labels: findings without a class that AUROC is defined of.
        lacks_boxes: findings without a class that have boxes or masks.
    """

    found: ClassMap
    lacks_labels: tuple[str, ...] = ()
    lacks_boxes: tuple[str, ...] = ()


def classes_of(trial: Trial, findings: Sequence[str]) -> ClassMap:
    """Returns which class of a trial's subject is which finding.

    Raises:
        SuiteError: no finding has a class, or one has several.
    """
    assert trial.subject is not None
    found = class_map(trial.subject.classes, findings, trial.subject.aliases)
    for finding in found.ambiguous:
        problem = (
            f"several classes are called {finding!r}; aliases: {{class: finding}} says which one is meant"
        )
        raise SuiteError(problem, place=trial.label, value=finding)
    if not found.class_of:
        problem = (
            f"no class is a finding of {title_of(trial.dataset)} ({listing(findings)}); "
            "aliases: {class: finding} says what classes of other names stand for"
        )
        raise SuiteError(problem, place=trial.label, value=found.unused_classes[0])
    return found


def classes_in(trial: Trial, data: Dataset) -> SubjectClasses:
    """Returns the same for a data set, with what cannot be scored of its test part.

    Raises:
        SuiteError: as `classes_of`.
    """
    found, test = classes_of(trial, data.findings), data.test
    numbers = {finding: data.findings.index(finding) for finding in found.unknown_findings}
    boxed = set(test.boxes["class_index"])
    return SubjectClasses(
        found,
        tuple(name for name, number in numbers.items() if len(np.unique(test.labels[:, number])) > 1),
        tuple(name for name, number in numbers.items() if number in boxed),
    )


def load_subject(
    trial: Trial, found: ClassMap, folder: TrialFolder, files: Mapping[str, Path]
) -> SubjectModel:
    """Returns the trial's subject on the CPU: with the weights in its folder, else with those of its file.

    Raises:
        BenchError: weights are missing or damaged, or it cannot be built.
    """
    assert trial.subject is not None
    state: Mapping[str, Tensor] | None = None
    if folder.best_weights.exists():
        state = read_weights(folder.best_weights)
    elif trial.weights != "none" and trial.weights not in files:
        raise SuiteError("the file of its weights is not known here; run its suite", place=trial.id)
    model = build_subject(
        trial.model,
        trial.subject,
        list(found.class_of.values()),
        trial.resolution,
        encoder=trial.encoder or None,
        weights=files.get(trial.weights),
        state=state,
        options=trial.options,
    )
    if trial.recipe.channels_last:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


def keep_weights(model: SubjectModel, folder: TrialFolder) -> None:
    """Keeps the weights where those of a trained model lie: later maps need no file of the user's."""
    weights = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    save_weights(weights, folder.best_weights)


def of_subject(
    scores: ModelScores, model: SubjectModel, classes: SubjectClasses, notes: tuple[str, ...]
) -> ModelScores:
    """Returns the scores without those that are not the subject's, those of its logits with more notes.

    Where it has no native map there are none of that.
    """
    of_model = comparable(scores.of_model, classes.lacks_labels)
    of_model = replace(of_model, notes=(*notes, *of_model.notes))
    if model.has_native_map:
        return ModelScores(
            of_model,
            comparable(scores.of_map, classes.lacks_boxes),
            comparable(scores.of_maxima, classes.lacks_boxes),
        )
    return ModelScores(
        of_model,
        SplitScores({}, scores.of_map.units.head(0), (NO_NATIVE_MAP,)),
        SplitScores({}, scores.of_maxima.units.head(0), ()),
    )


def comparable(scores: SplitScores, lacking: tuple[str, ...]) -> SplitScores:
    """Returns the scores without averages if these lack findings: others average over more."""
    if not lacking:
        return scores
    kept = {name: value for name, value in scores.metrics.items() if name.rpartition("/")[2] not in AVERAGES}
    return SplitScores(kept, scores.units, scores.notes)


def subject_notes(
    trial: Trial, model: SubjectModel, classes: SubjectClasses, images: Tensor
) -> tuple[str, ...]:
    """Returns sentences on the classes of a scored subject and on its images; doubts are logged, too.

    Args:
        trial: of the subject.
        model: that has scored the test part.
        classes: found and lacking.
        images: some of the test part, as it takes them.
    """
    assert trial.subject is not None
    contract, seen, found = trial.subject.input, model.contract.seen(), classes.found
    notes = ["trained elsewhere: seeds do not apply, n = 1"]
    if found.unknown_findings:
        notes.append(f"no class for {listing(found.unknown_findings)}: nothing is scored of them")
    if found.unused_classes:
        notes.append(f"classes without a finding: {listing(found.unused_classes)}")
    if contract.size not in (None, trial.resolution):
        notes.append(f"images of {trial.resolution} px were resized to {contract.size} px")
    notes.append(
        "images were given in {:g} to {:g}, declared {:g} to {:g}; after mean and std {:g} to {:g}".format(
            *seen.in_range, *contract.range, *seen.normalised
        )
    )
    for doubt in (*doubts(contract, seen), *doubt_of_first_norm(model, images)):
        log.warning("%s: check its input contract: %s", trial.label, doubt)
        notes.append(f"check the input contract: {doubt}")
    return tuple(notes)
