"""What `bench predict` leaves behind: files in a folder, lines of a table, JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.data.images.dicom import Gray
from bench.data.sources.tables import finding_names
from bench.errors import DataError, listing
from bench.evaluation.predict import enlarge
from bench.reporting.figures.files import save
from bench.reporting.figures.overlay import Overlay, draw_overlay
from bench.reporting.tables.table import DASH
from bench.results.files import require_writable
from bench.results.predictions import (
    PredictedImage,
    describe,
    distinct_names,
    most_probable,
    write_heatmaps,
    write_predictions,
)
from bench.suite.trial import Trial

TABLE = "predictions.csv"


def chosen_findings(names: Sequence[str] | None, findings: Sequence[str]) -> list[int] | None:
    """Returns the indices of the findings that are asked for, each once; None if none are.

    Raises:
        DataError: the trial has no such finding.
    """
    if names is None:
        return None
    known = finding_names(findings)
    meant = {name: known.find(name) for name in names}
    for name, finding in meant.items():
        if finding is None:
            raise DataError(f"--finding {name}: the trial knows {listing(findings)}{known.hint(name)}")
    return list(dict.fromkeys(findings.index(finding) for finding in meant.values() if finding is not None))


class PredictionOutput:
    """Gathers predictions and writes them to a folder.

    Attributes:
        names: of each image in file names.
        left_out: images that could not be read, each with the reason.
    """

    def __init__(
        self,
        folder: Path,
        trial: Trial,
        findings: Sequence[str],
        chosen: Sequence[int] | None,
        num_shown: int,
        paths: Sequence[Path],
    ) -> None:
        """Takes what all images share, and makes the folder.

        Args:
            folder: receives the files.
            trial: whose model predicts.
            findings: its classes.
            chosen: indices of those that are shown and drawn; None for the most probable of each image.
            num_shown: how many that are.
            paths: the images.

        Raises:
            ResultsError: the folder cannot be made, or takes no files.
        """
        require_writable(folder, "--output")
        self.folder, self.trial, self.findings = folder, trial, findings
        self.names = distinct_names([path.stem for path in paths])
        self.left_out: dict[str, str] = {}
        self._chosen, self._num_shown = chosen, num_shown
        self._finding_names = distinct_names(findings)
        self._image_width = max(len(str(path)) for path in paths)
        self._finding_width = max(map(len, findings))
        self._rows: list[dict[str, Any]] = []
        self._documents: list[dict[str, Any]] = []

    def leave_out(self, path: Path, reason: DataError) -> None:
        """Notes an image that there is nothing of."""
        self.left_out[str(path)] = str(reason)

    def add(self, name: str, image: PredictedImage, gray: Gray) -> list[str]:
        """Writes the image's maps and overlays; returns its lines of the table, the first with its head."""
        heatmaps = self.folder / f"{name}.npy"
        write_heatmaps(heatmaps, image, self.findings, self.trial.id)
        shown = self._chosen
        if shown is None:
            shown = most_probable(image.prediction, self._num_shown)
        overlays = {index: self._draw(name, image, gray, index) for index in shown}
        lines = [] if self._rows else [self._line("image", "finding", "probability", "peak x", "peak y")]
        rows = [describe(image, index, finding) for index, finding in enumerate(self.findings)]
        lines += [self._row(rows[index]) for index in shown]
        self._rows += rows
        self._documents.append(
            {
                "image": str(image.path),
                "width_px": image.width_px,
                "height_px": image.height_px,
                "heatmaps": str(heatmaps),
                "findings": [
                    {key: value for key, value in row.items() if key != "image"}
                    | ({"overlay": str(overlays[index])} if index in overlays else {})
                    for index, row in enumerate(rows)
                ],
            }
        )
        return lines

    def write_table(self) -> None:
        """Writes the table of all images and findings, unless no image could be read."""
        if self._rows:
            write_predictions(self.folder / TABLE, self._rows)

    def to_json(self) -> str:
        """Returns everything as a JSON document; null is what is not finite."""
        unreadable = [{"image": image, "reason": reason} for image, reason in self.left_out.items()]
        document = {"trial": self.trial.id, "images": self._documents, "unreadable": unreadable}
        return json.dumps(document, indent=2)

    def summary(self) -> str:
        """Returns a sentence on what was done and where it is."""
        left_out = f", {len(self.left_out)} could not be read" if self.left_out else ""
        where = f"; overlays, maps and {TABLE}: {self.folder}" if self._rows else ""
        return f"{len(self._documents)} images predicted{left_out}{where}"

    def _draw(self, name: str, image: PredictedImage, gray: Gray, index: int) -> Path:
        path = self.folder / f"{name}.{self._finding_names[index]}.png"
        heatmap = enlarge(image.prediction.heatmaps[index], image.prediction.input_px)
        overlay = Overlay(gray, image.width_px, image.height_px, heatmap, image.peak(index))
        row = describe(image, index, self.findings[index])
        probability = "not finite" if row["probability"] is None else f"probability {row['probability']:.3f}"
        peak = (
            "map not finite"
            if row["peak_x"] is None
            else f"peak at x {row['peak_x']:.0f}, y {row['peak_y']:.0f} px"
        )
        subtitle = (
            f"{self.trial.title(self.trial.label)} · {peak}",
            f"{image.path.name} · {image.width_px} × {image.height_px} px",
        )
        save(draw_overlay(overlay, f"{self.findings[index]} · {probability}", subtitle), path)
        return path

    def _row(self, row: dict[str, Any]) -> str:
        probability, x, y = row["probability"], row["peak_x"], row["peak_y"]
        return self._line(
            row["image"],
            row["finding"],
            DASH if probability is None else f"{probability:.4f}",
            DASH if x is None else f"{x:.0f}",
            DASH if y is None else f"{y:.0f}",
        )

    def _line(self, image: str, finding: str, probability: str, x: str, y: str) -> str:
        names = f"{image:<{self._image_width}}  {finding:<{self._finding_width}}"
        return f"{names}  {probability:>11}  {x:>6}  {y:>6}"
