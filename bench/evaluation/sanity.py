"""Sanity checks of the maps of a trained model: it is asked again, with other weights, findings and images.

Each check is a number of a unit, by the arithmetic of `bench.metrics.sanity`; docs/protocol.md defines them.
Units are a sample, the same for every model of a data set, so that it takes minutes. With the native map two
controls are checked that know neither the model nor the image: a random map, drawn anew whenever it is asked
for, and a normal density around the image's middle.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from bench.data.dataset import Dataset, ImageSet
from bench.evaluation.cam import Classes, cam_maps, frozen, images_of
from bench.evaluation.enlarge import enlarged, sigmoid
from bench.evaluation.localize import find_peaks
from bench.evaluation.randomised import num_steps, randomised
from bench.evaluation.score import SplitScores
from bench.metrics.control_maps import CELLS, gaussian
from bench.metrics.measure import metrics_of
from bench.metrics.regions import UNIT, Floats, units_of
from bench.metrics.sanity import (
    ROAD_SHARES,
    SANITY_CONTROLS,
    SHIFTS,
    STEPS,
    SanityControl,
    area_below,
    control_column,
    followed,
    rank_correlations,
    removal_order,
)
from bench.metrics.units import sanity_metrics
from bench.results.units import UNIT_NAMES
from bench.suite.cam import NATIVE, CamMethod
from bench.suite.metrics import SANITY_UNITS
from bench.suite.schema import Recipe

_CHUNK = 16
"""Images at a time, at most: a trial's batch may be smaller."""

_BLUR = 5 / 224
"""Standard deviation of the blur that insertion begins with, as a share of the side (Petsiuk 2018, code)."""

_NOISE = 0.01
"""Standard deviation of the noise on imputed pixels (Rong 2022)."""

Maps = npt.NDArray[np.float32]

MapFunction = Callable[[nn.Module, Tensor, Classes], Tensor]
"""Returns maps [n, h, w] in [0, 1], NaN where one is not finite, of a model, images and a class for each."""


@dataclass(frozen=True, eq=False)
class Sample:
    """The units to check, and how the model answers for them.

    Attributes:
        model: trained, in evaluation mode.
        images: float32 [n, 1, S, S] as the model is given them, on its device.
        classes: [n] class of each unit.
        names: n rows with image, patient and finding.
        parts: the places of units that are passed through the model at a time.
        on_images: told how many images have been passed through a model.
        grey: a deleted pixel, as the model is given it.
    """

    model: nn.Module
    images: Tensor
    classes: Classes
    names: pd.DataFrame
    parts: tuple[slice, ...]
    on_images: Callable[[int], None]
    grey: float = 0.0

    @property
    def size_px(self) -> int:
        """Side of the images."""
        return int(self.images.shape[-1])

    def maps(
        self,
        compute: MapFunction,
        model: nn.Module | None = None,
        images: Tensor | None = None,
        classes: Classes | None = None,
    ) -> Maps:
        """Returns the units' maps [n, h, w], of what is given in place of the sample's own."""
        asked = self.images if images is None else images
        wanted = self.classes if classes is None else classes
        found = []
        for part in self.parts:
            found.append(compute(model or self.model, asked[part], wanted[part]).cpu())
            self.on_images(len(found[-1]))
        return torch.cat(found).numpy()

    @torch.no_grad()
    def probabilities(self, images: Tensor, part: slice) -> Floats:
        """Returns the probability of each unit of a part in an image of its own, [n]."""
        logits = self.model(images).logits.float()
        self.on_images(len(images))
        own = torch.arange(len(images), device=logits.device)
        chosen = logits[own, torch.from_numpy(self.classes[part]).to(logits.device)]
        return torch.sigmoid(chosen).double().cpu().numpy()

    @cached_property
    @torch.no_grad()
    def rivals(self) -> Classes | None:
        """Of each unit the likeliest of the other findings; None where there is no other."""
        logits = torch.cat([self.model(self.images[part]).logits.float().cpu() for part in self.parts])
        if logits.shape[1] < 2:
            return None
        logits[torch.arange(len(logits)), torch.from_numpy(self.classes)] = -torch.inf
        return logits.argmax(dim=1).numpy()

    def generators(self, part: slice) -> list[np.random.Generator]:
        """Returns random numbers of each unit, the same for every model and map."""
        names = self.names.iloc[part]
        return [
            np.random.default_rng(_digest(*unit))
            for unit in zip(names["image"], names["finding"], strict=True)
        ]


def check_sanity(
    model: nn.Module,
    data: Dataset,
    recipe: Recipe,
    device: torch.device,
    method: CamMethod,
    on_progress: Callable[[int, int], None],
    grey: float = 0.0,
) -> SplitScores:
    """Returns the checks of a sample of the test part's units, a row each, and their means.

    Columns are `UNIT_NAMES` and the names of metrics, without counter_label where there is a single finding;
    with the native map those of `control_column`, too. The model is left as it was.

    Args:
        model: on `device`; has an `encoder` and a `head`, and returns a `CamOutput`.
        data: its test part is checked.
        recipe: normalisation.
        device: where to run.
        method: of the maps.
        on_progress: called with (done, total) images.
        grey: a deleted pixel, as the model is given it: 0 where the recipe's mean is subtracted.
    """
    test = data.test
    units = sampled(test, data.findings)
    if units.empty:
        return SplitScores({}, units[list(UNIT_NAMES)], ())
    controls = SANITY_CONTROLS if method == NATIVE else ()
    total = len(units) * num_images(model, num_controls=len(controls))
    done = 0

    def passed(num_images: int) -> None:
        nonlocal done
        done += num_images
        on_progress(min(done, total), total)

    with frozen(model):
        parts = _parts(len(units), min(_CHUNK, recipe.batch_size))
        shown = units["image_index"].to_numpy(int)
        images = torch.cat([images_of(test, shown[part], recipe, device) for part in parts])
        names = units[list(UNIT_NAMES)]
        classes = np.array(units["class_index"], np.int64)
        sample = Sample(model, images, classes, names, parts, passed, grey)
        found = checks_of(sample, map_function(method))
        for control in controls:
            own = checks_of(sample, control_function(control, sample.size_px))
            found |= {control_column(name, control): values for name, values in own.items()}
    table = names.assign(**found).reset_index(drop=True)
    known = [metric for metric in sanity_metrics() if metric.name in found]
    notes = (f"checked on {len(units)} of {len(units_of(test.boxes))} units",)
    return SplitScores(metrics_of(known, table, data.findings), table, notes)


def sampled(test: ImageSet, findings: tuple[str, ...]) -> pd.DataFrame:
    """Returns at most `SANITY_UNITS` units: those whose names have the lowest SHA-256, in the usual order.

    So a sample is drawn at random, but depends on nothing else: not on the model, nor on other units.
    """
    units = units_of(test.boxes)
    named = units.assign(
        image=[test.names[i] for i in units["image_index"]],
        patient=[test.patients[i] for i in units["image_index"]],
        finding=[findings[c] for c in units["class_index"]],
    )
    digests = [_digest(*unit) for unit in zip(named["image"], named["finding"], strict=True)]
    chosen = np.sort(np.argsort(np.array(digests, np.uint64), kind="stable")[:SANITY_UNITS])
    return named.iloc[chosen].reset_index(drop=True)


def num_images(model: nn.Module, num_controls: int) -> int:
    """Returns how many images are passed through the model for each unit, maps and controls together."""
    maps = 1 + num_steps(model) + 1 + len(SHIFTS)
    perturbed = 2 * len(STEPS) + 2 * len(ROAD_SHARES)
    return (1 + num_controls) * (maps + perturbed)


def _parts(num_units: int, size: int) -> tuple[slice, ...]:
    return tuple(slice(first, min(first + size, num_units)) for first in range(0, num_units, size))


def map_function(method: CamMethod) -> MapFunction:
    """Returns what computes the maps of a method, as they are scored."""
    if method != NATIVE:
        return lambda model, images, classes: cam_maps(model, images, classes, method)

    @torch.no_grad()
    def native(model: nn.Module, images: Tensor, classes: Classes) -> Tensor:
        heatmaps = model(images).heatmaps.float()
        own = torch.arange(len(images), device=heatmaps.device)
        return sigmoid(heatmaps[own, torch.from_numpy(classes).to(heatmaps.device)])

    return native


def control_function(control: SanityControl, size_px: int) -> MapFunction:
    """Returns what draws the maps of a control."""
    if control == "random":
        generator = np.random.default_rng(0)
        return lambda _, images, __: torch.from_numpy(
            generator.random((len(images), CELLS, CELLS), dtype=np.float32)
        )
    middle = torch.from_numpy(gaussian([(size_px - 1) / 2] * 2, size_px))
    return lambda _, images, __: middle.expand(len(images), -1, -1)


def checks_of(sample: Sample, compute: MapFunction) -> dict[str, Floats]:
    """Returns each check of each unit, [n], by the name of its metric."""
    maps = sample.maps(compute)
    is_finite = np.isfinite(maps).all(axis=(1, 2))
    steps = [rank_correlations(maps, sample.maps(compute, model=model)) for model in randomised(sample.model)]
    found = {"randomisation": np.nan_to_num(np.abs(steps), nan=1.0).mean(axis=0)}
    if sample.rivals is not None:
        others = sample.maps(compute, classes=sample.rivals)
        found["counter_label"] = np.nan_to_num(rank_correlations(maps, others).clip(0), nan=1.0)
    moved = [_peaks(sample.maps(compute, images=_moved(sample.images, *by)), sample.size_px) for by in SHIFTS]
    found["shift"] = followed(_peaks(maps, sample.size_px), np.stack(moved, axis=1), sample.size_px)
    perturbed = [_perturbed(sample, part, maps[part]) for part in sample.parts]
    worst = {"deletion": 1.0, "insertion": 0.0, "road": -1.0}
    for name, value in worst.items():
        found[name] = np.where(is_finite, np.concatenate([part[name] for part in perturbed]), value)
    return found


def _perturbed(sample: Sample, part: slice, maps: Maps) -> dict[str, Floats]:
    """Returns deletion, insertion and ROAD of some units, whose maps are [n, h, w]."""
    size, images = sample.size_px, sample.images[part]
    large = enlarged(torch.from_numpy(np.nan_to_num(maps)).unsqueeze(1), (size, size)).squeeze(1).numpy()
    generators = sample.generators(part)
    places = np.stack([removal_order(*one) for one in zip(large, generators, strict=True)])
    of_all = torch.from_numpy(places).unsqueeze(1).to(images.device)
    blurred = _blurred(images)
    curves: dict[str, list[Floats]] = {"deletion": [], "insertion": []}
    for share in STEPS:
        is_first = of_all < share * size**2
        without = torch.where(is_first, torch.full_like(images, sample.grey), images)
        curves["deletion"].append(sample.probabilities(without, part))
        curves["insertion"].append(sample.probabilities(torch.where(is_first, images, blurred), part))
    found = {name: area_below(np.stack(curve, axis=1)) for name, curve in curves.items()}
    differences = []
    seeds = [int(generator.integers(2**32)) for generator in generators]
    for share in ROAD_SHARES:
        most, least = places < share * size**2, size**2 - 1 - places < share * size**2
        kept, left = (
            sample.probabilities(_imputed(images, missing, seeds), part) for missing in (least, most)
        )
        differences.append(kept - left)
    return found | {"road": np.mean(differences, axis=0)}


def _imputed(images: Tensor, missing: npt.NDArray[np.bool_], seeds: list[int]) -> Tensor:
    """Returns images [n, 1, S, S] whose missing pixels [n, S, S] are what surrounds them, and some noise."""
    from bench.models import torchvision_compat  # noqa: F401 - before the library imports torchvision

    from pytorch_grad_cam.metrics.road import NoisyLinearImputer  # isort: skip

    impute, found = NoisyLinearImputer(_NOISE), []
    for image, own, seed in zip(images.cpu(), missing, seeds, strict=True):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            found.append(impute(image, torch.from_numpy(~own).float()))
    filled = torch.stack(found).to(images.device)
    return filled.contiguous(memory_format=_format_of(images))


def _blurred(images: Tensor) -> Tensor:
    sigma = _BLUR * images.shape[-1]
    blurred = gaussian_filter(images.cpu().numpy(), (0, 0, sigma, sigma), mode="nearest")
    return torch.from_numpy(blurred).to(images.device).contiguous(memory_format=_format_of(images))


def _format_of(images: Tensor) -> torch.memory_format:
    is_last = images.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if is_last else torch.contiguous_format


def _moved(images: Tensor, rows: int, columns: int) -> Tensor:
    """Returns images moved down and to the right by so many px; the edge's pixels fill what comes in."""
    places = torch.arange(images.shape[-1], device=images.device)
    row, column = ((places - by).clamp(0, len(places) - 1) for by in (rows, columns))
    return images[:, :, row][..., column].contiguous(memory_format=_format_of(images))


def _peaks(maps: Maps, size_px: int) -> Floats:
    """Returns row and column of the peak of each enlarged map, [n, 2]; −1 of one that is not finite."""
    units = pd.DataFrame({"image_index": np.arange(len(maps)), "class_index": 0})[UNIT]
    found = find_peaks(torch.from_numpy(maps).unsqueeze(1), units, size_px, are_probabilities=True)
    return found[["peak_row", "peak_column"]].to_numpy(np.float64)


def _digest(*names: str) -> int:
    """Returns a number of 64 bits that names alone decide."""
    return int.from_bytes(hashlib.sha256("\0".join(names).encode()).digest()[:8], "big")
