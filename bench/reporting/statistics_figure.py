"""Draws what a data set holds: images by finding and part, box areas, and what occurs together."""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter

from bench.data.statistics import ALL, DatasetStatistics
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
    table = pd.DataFrame(
        [
            (
                finding,
                f"{part} ({statistics.of_part[part].images:,})",
                statistics.of_finding[finding, part].images,
            )
            for finding in statistics.findings
            for part in parts
        ],
        columns=["finding", "part", "images"],
    )
    sns.barplot(table, x="images", y="finding", hue="part", palette="colorblind", ax=axes)
    axes.set_xscale("log")
    axes.set_xlim(left=0.8)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    for bars, part in zip(axes.containers, parts, strict=True):
        labels = [f" {statistics.of_finding[finding, part].images:,}" for finding in statistics.findings]
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
    axes.scatter(
        [statistics.area(finding) or np.nan for finding in boxed],
        rows,
        s=42,
        marker="D",
        color="C0",
        zorder=5,
        label="mean",
    )
    if name in AREA_TABLES:
        published = [published_area(name, finding) for finding in boxed]
        values = [np.nan if value is None else value for value in published]
        axes.scatter(
            values,
            rows,
            s=260,
            marker="|",
            color="C3",
            linewidths=2.2,
            zorder=4,
            label=f"mean in the thesis (Table {AREA_TABLES[name]})",
        )
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
    axes.set_title("Of the images with the finding of the row, % that also have that of the column")
    axes.set_facecolor("0.93")
    axes.grid(visible=False)
    axes.tick_params(axis="x", rotation=45)
    for label in axes.get_xticklabels():
        label.set_horizontalalignment("right")
        label.set_rotation_mode("anchor")
