"""The listing of maps: name in suites, title in tables, cost, and who computes them."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from bench.cli.render import DASH, Column, Sentence, Table
from bench.suite.cam import CAMS, Cam, cam_source

if TYPE_CHECKING:
    from rich.console import RenderableType


def cam_parts(cams: Mapping[str, Cam]) -> "Iterator[RenderableType]":
    """Yields a row for each of the maps, and a legend."""
    yield Table(
        [
            Column("map", list(cams)),
            Column("title", [cam.title for cam in cams.values()]),
            Column("passes per unit", [str(cam.passes or DASH) for cam in cams.values()]),
        ],
        text=Column("from", [_origin(name) for name in cams]),
    )
    yield ""
    yield Sentence(
        "passes per unit: of one image through the model; per channel is for each of those that the head "
        "reads. A suite also takes module:function, a method of your own (docs/plugins.md)."
    )


def cams_json(cams: Mapping[str, Cam]) -> list[dict[str, object]]:
    """Returns the maps; passes are null where they are not known."""
    return [
        {
            "name": name,
            "title": cam.title,
            "passes": None if cam.passes is None else asdict(cam.passes),
            "from": _origin(name),
        }
        for name, cam in cams.items()
    ]


def _origin(name: str) -> str:
    source = cam_source(name)
    if source is None:
        return " ".join(CAMS[name].packages) or "bench"
    return f"{source.distribution} {source.version}"
