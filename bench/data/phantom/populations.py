"""Populations of phantoms: which findings there are, how common, and what does not occur together.

The eight boxed NIH findings are the default. The other two have the labels of the real data sets, so that
transfer from 14 to 15 classes can be shown: NIH's, of which six have no boxes, and VinDr-CXR's, of which the
last, "No finding", is the complement of the others. Shares are far from those of real sets, where a label may
be one in five hundred: a small training set has to show each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench.suite.findings import NIH_BOXED_FINDINGS, NIH_FINDINGS, VINDR_FINDINGS, VINDR_NO_FINDING

PopulationName = Literal["eight", "nih", "vindr"]


@dataclass(frozen=True)
class PhantomFinding:
    """A finding as a population has it.

    Attributes:
        finding: its name.
        share: of phantoms that have it, before what does not occur together is parted.
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


POPULATIONS: dict[PopulationName, PhantomPopulation] = {
    "eight": PhantomPopulation(
        findings=NIH_BOXED_FINDINGS,
        kinds=(
            PhantomFinding("Cardiomegaly", 0.17),
            PhantomFinding("Pneumonia", 0.26),
            PhantomFinding("Effusion", 0.22, 0.12),
            PhantomFinding("Pneumothorax", 0.26),
            PhantomFinding("Infiltration", 0.26, 0.12),
            PhantomFinding("Mass", 0.30),
            PhantomFinding("Atelectasis", 0.30),
            PhantomFinding("Nodule", 0.30, 0.20),
        ),
        boxed=frozenset(NIH_BOXED_FINDINGS),
    ),
    "nih": PhantomPopulation(
        findings=NIH_FINDINGS,
        kinds=(
            PhantomFinding("Cardiomegaly", 0.15),
            PhantomFinding("Pneumonia", 0.17),
            PhantomFinding("Effusion", 0.17, 0.12),
            PhantomFinding("Pneumothorax", 0.17),
            PhantomFinding("Consolidation", 0.17),
            PhantomFinding("Infiltration", 0.17, 0.12),
            PhantomFinding("Fibrosis", 0.17, 0.25),
            PhantomFinding("Mass", 0.18),
            PhantomFinding("Hernia", 0.12),
            PhantomFinding("Atelectasis", 0.18),
            PhantomFinding("Pleural_Thickening", 0.18, 0.15),
            PhantomFinding("Nodule", 0.20, 0.20),
            PhantomFinding("Emphysema", 0.12),
            PhantomFinding("Edema", 0.13),
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
        kinds=(
            PhantomFinding("Cardiomegaly", 0.15),
            PhantomFinding("ILD", 0.14, 0.60),
            PhantomFinding("Pleural effusion", 0.16, 0.12),
            PhantomFinding("Pneumothorax", 0.16),
            PhantomFinding("Consolidation", 0.16),
            PhantomFinding("Lung Opacity", 0.16),
            PhantomFinding("Infiltration", 0.16, 0.12),
            PhantomFinding("Pulmonary fibrosis", 0.16, 0.25),
            PhantomFinding("Other lesion", 0.16),
            PhantomFinding("Aortic enlargement", 0.16),
            PhantomFinding("Atelectasis", 0.16),
            PhantomFinding("Pleural thickening", 0.17, 0.15),
            PhantomFinding("Calcification", 0.17, 0.15),
            PhantomFinding("Nodule/Mass", 0.20, 0.20),
        ),
        boxed=frozenset(VINDR_FINDINGS) - {VINDR_NO_FINDING},
        most=4,
        apart=(frozenset({"ILD", "Infiltration"}), frozenset({"Lung Opacity", "Consolidation"})),
    ),
}
