"""Figures of a data set: its counts, box areas and co-occurrences, and a contact sheet of its images."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter

from bench.data.checks.statistics import ALL, DatasetStatistics
from bench.reporting.published import AREA_TABLES, published_area

_DPI = 150
_MIN_HEIGHT_IN, _FINDING_HEIGHT_IN = 8.0, 0.65


def draw_statistics(name: str, statistics: DatasetStatistics) -> Figure:
    """Returns three panels: images with each finding, areas of its boxes beside the thesis', co-occurrence.

    Args:
        name: what a suite calls the data set.
        statistics: what it holds.
    """
    height = max(_MIN_HEIGHT_IN, _FINDING_HEIGHT_IN * len(statistics.findings))
    style: dict[Any, Any] = {"font.size": 9, "axes.titlesize": 10, "text.parse_math": False}  # seaborn draws
    with sns.axes_style("whitegrid"), mpl.rc_context(style):
        figure = Figure(
            figsize=(14, height), dpi=_DPI, layout=ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.12)
        )
        panels = figure.subplot_mosaic([["images", "areas"], ["images", "together"]], width_ratios=(0.9, 1))
        _draw_images(panels["images"], statistics)
        _draw_areas(panels["areas"], name, statistics)
        _draw_together(panels["together"], statistics)
    figure.suptitle(f"{name}: {statistics.summary()}", fontsize=13)
    return figure


def _draw_images(axes: Axes, statistics: DatasetStatistics) -> None:
    parts = [part for part in statistics.parts if part != ALL]
    counts = {
        part: [statistics.of_finding[name, part].images for name in statistics.findings] for part in parts
    }
    headings = {part: f"{part} ({statistics.of_part[part].images:,})" for part in parts}
    table = pd.DataFrame(counts, index=statistics.findings).rename(columns=headings)
    table = table.rename_axis("finding").reset_index().melt("finding", var_name="part", value_name="images")
    sns.barplot(table, x="images", y="finding", hue="part", palette="colorblind", ax=axes)
    axes.set_xscale("log")
    axes.set_xlim(left=0.8)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    for bars, part in zip(axes.containers, parts, strict=True):
        labels = [f" {count:,}" for count in counts[part]]
        axes.bar_label(bars, labels=labels, fontsize=7, color="0.35")  # type: ignore[arg-type]
    axes.set(title="Images with the finding", xlabel="images (logarithmic)", ylabel="")
    axes.legend(title=None, loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=len(parts), frameon=False)
    sns.despine(ax=axes, left=True)


def _draw_areas(axes: Axes, name: str, statistics: DatasetStatistics) -> None:
    axes.set(title="Area of a finding's boxes, share of the image", xlabel="", ylabel="")
    boxed = [finding for finding in statistics.findings if statistics.area(finding) is not None]
    if not boxed:
        axes.set_axis_off()
        text = "areas are not known" if statistics.area_reason else "no boxes"
        axes.text(0.5, 0.5, text, ha="center", va="center", color="0.4", transform=axes.transAxes)
        return
    style = {"color": "0.88", "linecolor": "0.45", "linewidth": 0.8, "fliersize": 2, "width": 0.6}
    sns.boxplot(statistics.areas, x="area", y="finding", order=boxed, ax=axes, **style)
    rows = np.arange(len(boxed))
    means = [statistics.area(finding) or np.nan for finding in boxed]
    axes.scatter(means, rows, s=42, marker="D", color="C0", zorder=5, label="mean")
    if name in AREA_TABLES:
        published = np.array([published_area(name, finding) for finding in boxed], float)  # None is NaN
        label = f"mean in the thesis (Table {AREA_TABLES[name]})"
        axes.scatter(published, rows, s=260, marker="|", color="C3", linewidths=2.2, zorder=4, label=label)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set(xlabel="share of the image (logarithmic); box: quartiles", ylabel="")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, frameon=False)
    sns.despine(ax=axes, left=True)


def _draw_together(axes: Axes, statistics: DatasetStatistics) -> None:
    counts = statistics.co_occurrence.astype(float)
    positives = counts.diagonal()[:, None]
    shares = np.divide(100 * counts, positives, out=np.full_like(counts, np.nan), where=positives > 0)
    np.fill_diagonal(shares, np.nan)
    table = pd.DataFrame(shares, index=list(statistics.findings), columns=list(statistics.findings))
    sns.heatmap(
        table,
        ax=axes,
        cmap="crest",
        vmin=0,
        annot=True,
        fmt=".0f",
        annot_kws={"fontsize": 7},
        linewidths=0.5,
        cbar_kws={"label": "%", "pad": 0.02},
    )
    axes.set_title("Images with the row's finding: % that also have the column's")
    axes.set_facecolor("0.93")
    axes.grid(visible=False)
    axes.tick_params(axis="x", rotation=45)
    for label in axes.get_xticklabels():
        label.set_horizontalalignment("right")
        label.set_rotation_mode("anchor")


_TILE_IN, _GAP_IN, _CAPTION_IN, _TITLE_IN = 2.56, 0.16, 0.50, 0.55
_MIN_DPI = 100
_GROUND, _TITLE, _CAPTION, _NAME = "#16181c", "#f2f2f2", "#dddddd", "#8a8f98"
_CAPTION_CHARACTERS, _CAPTION_LINES = 40, 2
_COLOURS = (
    "#4cc9f0",
    "#ff9f1c",
    "#5ad45a",
    "#ff5c5c",
    "#b388ff",
    "#ffe14d",
    "#ff7ad9",
    "#2ee6c5",
    "#c6e94a",
    "#8fa8ff",
    "#ffb3a7",
    "#d9a066",
    "#7fe3a3",
    "#e0b0ff",
    "#ffffff",
)
"""Colours of findings in their order: bright, to stand out from gray and to carry black letters."""


class LabelledBox(NamedTuple):
    """A box in px of its image, and the index of its finding.

    `mask` [side, side] is what it bounds, where the finding is outlined.
    """

    finding_index: int
    x: float
    y: float
    w: float
    h: float
    mask: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Tile:
    """An image with what is known of it.

    Attributes:
        pixels: [side, side] in [0, 255], gray, 0 black.
        name: of the image.
        findings: indices of those that it has.
        boxes: drawn on it.
    """

    pixels: npt.NDArray[np.uint8] | npt.NDArray[np.float32]
    name: str
    findings: tuple[int, ...]
    boxes: tuple[LabelledBox, ...] = ()


def draw_contact_sheet(title: str, tiles: Sequence[Tile], findings: Sequence[str]) -> Figure:
    """Returns the tiles in rows of equal length; images of 256 px or more are not made smaller.

    Args:
        title: one line above all.
        tiles: at least one, all of one side.
        findings: names of the findings that tiles give by index.
    """
    num_columns = int(np.ceil(np.sqrt(len(tiles))))
    num_rows = int(np.ceil(len(tiles) / num_columns))
    cell_width, cell_height = _TILE_IN + _GAP_IN, _TILE_IN + _CAPTION_IN
    width, height = num_columns * cell_width + _GAP_IN, num_rows * cell_height + _TITLE_IN
    dpi = max(_MIN_DPI, len(tiles[0].pixels) / _TILE_IN)
    figure = Figure(figsize=(width, height), dpi=dpi, facecolor=_GROUND)
    figure.text(_GAP_IN / width, 1 - _TITLE_IN / 2 / height, title, color=_TITLE, fontsize=12, va="center")
    for i, tile in enumerate(tiles):
        row, column = divmod(i, num_columns)
        left, bottom = _GAP_IN + column * cell_width, height - _TITLE_IN - row * cell_height - _TILE_IN
        place = (left / width, bottom / height, _TILE_IN / width, _TILE_IN / height)
        _draw_tile(figure.add_axes(place), tile, findings)
    return figure


def _draw_tile(axes: Axes, tile: Tile, findings: Sequence[str]) -> None:
    side = len(tile.pixels)
    extent = (0, side, side, 0)  # a box at 0 begins at the edge of the image, not within its first pixel
    axes.imshow(tile.pixels, cmap="gray", vmin=0, vmax=255, extent=extent, interpolation="nearest")
    axes.set_axis_off()
    for box in tile.boxes:
        _draw_box(axes, box, findings[box.finding_index], side)
    caption = ", ".join(findings[i] for i in tile.findings) or "none of the findings"
    lines = textwrap.wrap(caption, _CAPTION_CHARACTERS, max_lines=_CAPTION_LINES, placeholder=" …")
    below: dict[str, Any] = {"transform": axes.transAxes, "ha": "left", "va": "top", "linespacing": 1.15}
    axes.text(0, -0.02, "\n".join(lines), color=_CAPTION, fontsize=8, **below)
    axes.text(0, -0.02 - 0.055 * len(lines), tile.name, color=_NAME, fontsize=6.5, **below)


def _draw_box(axes: Axes, box: LabelledBox, finding: str, side: int) -> None:
    colour = _COLOURS[box.finding_index % len(_COLOURS)]
    if box.mask is None:
        axes.add_patch(Rectangle((box.x, box.y), box.w, box.h, fill=False, edgecolor=colour, linewidth=1.4))
    elif box.mask.any():
        centres = np.arange(-1, side + 1) + 0.5  # of pixels, and of one beyond each edge
        axes.contour(centres, centres, np.pad(box.mask, 1), levels=[0.5], colors=[colour], linewidths=1.4)
    fits_above, is_far_right = box.y > 0.06 * side, box.x > 0.7 * side
    axes.text(
        min(box.x + box.w, side) if is_far_right else max(box.x, 0),
        box.y if fits_above else min(box.y + box.h, side),
        finding,
        color="black",
        fontsize=6.5,
        ha="right" if is_far_right else "left",
        va="bottom" if fits_above else "top",
        bbox={"facecolor": colour, "edgecolor": "none", "pad": 1.2, "alpha": 0.9},
    )
