"""The listing of models: source, options, and for each variant its size and the tables that show it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from bench.cli.arguments import chosen
from bench.cli.render import DASH, Column, Sentence, Table, heading, progress
from bench.errors import SuiteError
from bench.results.model_sizes import (
    IN_CHANNELS,
    NUM_CLASSES,
    ModelSize,
    SizeCache,
    Unusable,
    size_key,
    sizes_px,
)
from bench.suite.catalog import MODELS, Option, OptionValue, Variant, model_options, model_source

if TYPE_CHECKING:
    from rich.console import RenderableType

_FIGURE = "Figure "


@dataclass(frozen=True)
class Model:
    """A model of the catalog: its name in suites, and its label, source, options and sizes.

    The sizes are those of the model with default options, then of its variants.
    """

    name: str
    label: str
    source: str | None
    options: tuple[Option, ...]
    sizes: tuple[tuple[Variant, ModelSize | Unusable], ...]


def models_of(names: Sequence[str], encoder: str) -> list[Model]:
    """Returns the models of these names, all if there are none, with sizes from the cache or measured.

    Raises:
        SuiteError: unknown model or encoder, or an encoder that no model can use.
    """
    variants = {
        name: [Variant(MODELS[name].label, {}, MODELS[name].tables), *MODELS[name].variants]
        for name in chosen("model", names, MODELS)
    }
    cache = SizeCache()
    _measure_missing(cache, [(name, one) for name, several in variants.items() for one in several], encoder)
    return [
        Model(
            name,
            MODELS[name].label,
            model_source(name),
            tuple(model_options(name).values()),
            tuple((one, cache[size_key(name, one.options, encoder)]) for one in several),
        )
        for name, several in variants.items()
    ]


def _measure_missing(cache: SizeCache, variants: Sequence[tuple[str, Variant]], encoder: str) -> None:
    """Measures the sizes that the cache lacks; torch is imported only for that."""
    keyed = [(size_key(name, variant.options, encoder), name, variant) for name, variant in variants]
    missing = [one for one in keyed if one[0] not in cache]
    if not missing:
        return
    try:
        progress("loading torch")
        from bench.models.size import check_encoder, measure

        check_encoder(encoder)
        for done, (key, name, variant) in enumerate(missing, start=1):
            progress(f"measuring {done}/{len(missing)}: {variant.label}")
            try:
                cache[key] = measure(name, variant.options, encoder)
            except SuiteError as error:
                cache[key] = Unusable(str(error))
    finally:
        progress("")


def models_json(models: Sequence[Model], encoder: str) -> dict[str, object]:
    """Returns the models; a variant without a size has a "reason" in its place."""
    entries = [
        {
            "name": model.name,
            "label": model.label,
            "source": model.source,
            "options": [_option_json(option) for option in model.options],
            "variants": [
                asdict(variant) | {"written": written(model.name, variant)} | asdict(size)
                for variant, size in model.sizes
            ],
        }
        for model in models
    ]
    return {"encoder": encoder, "num_classes": NUM_CLASSES, "in_channels": IN_CHANNELS, "models": entries}


def _option_json(option: Option) -> dict[str, object]:
    allowed = [True, False] if option.type_name == "bool" else list(option.allowed)
    bound = {} if option.bound is None else {option.bound[0]: option.bound[1]}
    return {
        "name": option.name,
        "type": option.type_name,
        "default": option.default,
        "allowed": allowed or None,
        "bound": bound or None,
    }


def model_parts(models: Sequence[Model], encoder: str) -> "Iterator[RenderableType]":
    """Yields a block per model, all with columns of the same widths, and a legend."""
    small, large = sizes_px(encoder)
    tables = [_columns(model) for model in models]
    widths = [max(column.width for column in columns) for columns in zip(*tables, strict=True)]
    for model, table in zip(models, tables, strict=True):
        columns = [replace(one, least_width=width) for one, width in zip(table, widths, strict=True)]
        yield heading(f"{model.name}: {model.label}")
        yield Sentence(f"Source: {model.source or DASH}", indent=2, hang=0)
        if model.options:
            yield Sentence("Options:", indent=2)
        for option in model.options:
            yield Sentence(
                f"{option.name}: {option.expectation()} (default {_plain(option.default)})", indent=4
            )
        yield ""
        yield Table(columns[:-1], indent=2, text=columns[-1])
        reasons = dict.fromkeys(size.reason for _, size in model.sizes if isinstance(size, Unusable))
        yield from (Sentence(f"{DASH} {reason}", indent=2) for reason in reasons)
        yield ""
    yield f"Computed with encoder {encoder}, {NUM_CLASSES} classes and {IN_CHANNELS} input channel:"
    for name, meaning in (
        ("parameters", "of encoder, decoder and head"),
        ("map", f"side of the heatmap for images of {'/'.join(map(str, dict.fromkeys((small, large))))} px"),
        ("GMACs", f"10⁹ multiply-accumulates for one image of {small} px"),
        ("tables", "tables and figures of the thesis that show it"),
    ):
        yield Sentence(meaning, lead=name.ljust(12), indent=2, hang=0)


def _columns(model: Model) -> list[Column]:
    """Returns the columns of the model's table, a row for each variant."""
    variants = [variant for variant, _ in model.sizes]
    numbers: list[tuple[str, str, str]] = []
    for _, size in model.sizes:
        if isinstance(size, Unusable):
            numbers.append((DASH, DASH, DASH))
        else:
            sides = "/".join(map(str, size.sides.values()))
            numbers.append((f"{size.parameters:,}", sides, f"{size.gmacs:.2f}"))
    return [
        Column("variant", [variant.label for variant in variants]),
        *(
            Column(heading, [row[index] for row in numbers], is_number=True)
            for index, heading in enumerate(("parameters", "map", "GMACs"))
        ),
        Column("tables", [_tables(variant.tables) for variant in variants]),
        Column("in a suite", [written(model.name, variant) for variant in variants]),
    ]


def written(name: str, variant: Variant) -> str:
    """Returns the variant as a suite's list of models has it."""
    options = "".join(f", {key}: {_plain(value)}" for key, value in variant.options.items())
    return f"{{name: {name}{options}}}" if options else name


def _plain(value: OptionValue) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _tables(names: Sequence[str]) -> str:
    """Returns the tables, then the figures, in brief: "5.1–5.6, 6.2, Fig. 8.1"."""
    figures = [name.removeprefix(_FIGURE) for name in names if name.startswith(_FIGURE)]
    runs: list[list[str]] = []
    for name in names:
        if runs and name == _next(runs[-1][-1]):
            runs[-1].append(name)
        elif not name.startswith(_FIGURE):
            runs.append([name])
    shown = [f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(run) for run in runs]
    return ", ".join([*shown, *([f"Fig. {', '.join(figures)}"] if figures else [])])


def _next(table: str) -> str:
    chapter, _, number = table.rpartition(".")
    return f"{chapter}.{int(number) + 1}" if number.isdecimal() else ""
