"""Populations of phantoms: which findings there are, how common, and what does not occur together.

The eight boxed NIH findings are the default. The other two have the labels of the real data sets, so that
transfer from 14 to 15 classes can be shown: NIH's, of which six have no boxes, and VinDr-CXR's, of which the
last, "No finding", is the complement of the others. Shares are far from those of real sets, where a label may
be one in five hundred: a small training set has to show each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from bench.suite.findings import NIH_BOXED_FINDINGS, NIH_FINDINGS, VINDR_BOXED_FINDINGS, VINDR_FINDINGS

PopulationName = Literal["eight", "nih", "vindr"]


class PhantomFinding(NamedTuple):
    """A finding as a population has it.

    Attributes:
        finding: its name.
        share: of phantoms that have it, before findings that do not occur together are parted.
        second: share of those that have a second lesion of it.
    """

    finding: str
    share: float
    second: float = 0.0


@dataclass(frozen=True)
class PhantomPopulation:
    """The findings that phantoms can have.

    Attributes:
        findings: the classes, in the order of labels.
        kinds: what is drawn, in the order of placing: large lesions first, so that small ones can avoid them,
            and diffuse ones last, since nothing can.
        boxed: findings whose lesions have boxes.
        most: findings that a phantom has at most; None for as many as are drawn.
        apart: pairs that no phantom has together.
    """

    findings: tuple[str, ...]
    kinds: tuple[PhantomFinding, ...]
    boxed: frozenset[str]
    most: int | None = None
    apart: tuple[frozenset[str], ...] = ()

    def choose(self, draws: Sequence[float]) -> tuple[bool, ...]:
        """Returns which kinds a phantom has.

        Args:
            draws: for each kind a number uniform in [0, 1); it is present if that is below its share and
                those present already leave room, the smallest in units of the share first.
        """
        chosen: set[str] = set()
        ranked = sorted(zip(draws, self.kinds, strict=True), key=lambda pair: pair[0] / pair[1].share)
        for draw, kind in ranked:
            is_free = not any(kind.finding in pair and pair & chosen for pair in self.apart)
            if draw < kind.share and is_free and (self.most is None or len(chosen) < self.most):
                chosen.add(kind.finding)
        return tuple(kind.finding in chosen for kind in self.kinds)


def _kinds(shares: dict[str, float], second: dict[str, float]) -> tuple[PhantomFinding, ...]:
    return tuple(PhantomFinding(name, share, second.get(name, 0.0)) for name, share in shares.items())


POPULATIONS: dict[PopulationName, PhantomPopulation] = {
    "eight": PhantomPopulation(
        findings=NIH_BOXED_FINDINGS,
        kinds=_kinds(
            {
                "Cardiomegaly": 0.17, "Pneumonia": 0.26, "Effusion": 0.22, "Pneumothorax": 0.26,
                "Infiltration": 0.26, "Mass": 0.30, "Atelectasis": 0.30, "Nodule": 0.30,
            },
            second={"Effusion": 0.12, "Infiltration": 0.12, "Nodule": 0.20},
        ),
        boxed=frozenset(NIH_BOXED_FINDINGS),
    ),
    "nih": PhantomPopulation(
        findings=NIH_FINDINGS,
        kinds=_kinds(
            {
                "Cardiomegaly": 0.15, "Pneumonia": 0.17, "Effusion": 0.17, "Pneumothorax": 0.17,
                "Consolidation": 0.17, "Infiltration": 0.17, "Fibrosis": 0.17, "Mass": 0.18, "Hernia": 0.12,
                "Atelectasis": 0.18, "Pleural_Thickening": 0.18, "Nodule": 0.20, "Emphysema": 0.12,
                "Edema": 0.13,
            },
            second={
                "Effusion": 0.12, "Infiltration": 0.12, "Fibrosis": 0.25, "Pleural_Thickening": 0.15,
                "Nodule": 0.20,
            },
        ),
        boxed=frozenset(NIH_BOXED_FINDINGS),
        most=4,
        apart=(
            frozenset({"Emphysema", "Edema"}),
            frozenset({"Emphysema", "Cardiomegaly"}),
            frozenset({"Hernia", "Cardiomegaly"}),
            frozenset({"Edema", "Pneumothorax"}),
        ),
    ),
    "vindr": PhantomPopulation(
        findings=VINDR_FINDINGS,
        kinds=_kinds(
            {
                "Cardiomegaly": 0.15, "ILD": 0.14, "Pleural effusion": 0.16, "Pneumothorax": 0.16,
                "Consolidation": 0.16, "Lung Opacity": 0.16, "Infiltration": 0.16, "Pulmonary fibrosis": 0.16,
                "Other lesion": 0.16, "Aortic enlargement": 0.16, "Atelectasis": 0.16,
                "Pleural thickening": 0.17, "Calcification": 0.17, "Nodule/Mass": 0.20,
            },
            second={
                "ILD": 0.60, "Pleural effusion": 0.12, "Infiltration": 0.12, "Pulmonary fibrosis": 0.25,
                "Pleural thickening": 0.15, "Calcification": 0.15, "Nodule/Mass": 0.20,
            },
        ),
        boxed=frozenset(VINDR_BOXED_FINDINGS),
        most=4,
        apart=(frozenset({"ILD", "Infiltration"}), frozenset({"Lung Opacity", "Consolidation"})),
    ),
}  # fmt: skip
