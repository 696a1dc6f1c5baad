"""What there is to say about each model of the catalog, gathered without torch where sizes are cached."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from bench.errors import SuiteError, listing, nearest
from bench.results.model_sizes import ModelSize, SizeCache, Unusable, size_key
from bench.suite.catalog import MODELS, Option, Variant, model_options, model_source


@dataclass(frozen=True)
class Row:
    """A model with default options, or one of its variants.

    Attributes:
        variant: label, options and the thesis' tables.
        size: its size, or why it has none.
    """

    variant: Variant
    size: ModelSize | Unusable


@dataclass(frozen=True)
class Sheet:
    """One model.

    Attributes:
        name: what suites call it.
        label: what tables call it.
        source: where the architecture is described; None if its class does not say.
        options: of its constructor.
        rows: the model with default options first, then the variants.
    """

    name: str
    label: str
    source: str | None
    options: tuple[Option, ...]
    rows: tuple[Row, ...]


def collect(names: Sequence[str], encoder: str) -> list[Sheet]:
    """Returns the models of these names, all if there are none, with sizes from the cache or measured.

    Raises:
        SuiteError: unknown model or encoder, or an encoder that no model can use.
    """
    for name in names:
        if name not in MODELS:
            raise SuiteError(f"unknown model {name!r}; known: {listing(MODELS)}{nearest(name, MODELS)}")
    chosen = {name: _variants(name) for name in names or MODELS}
    sizes = iter(_sizes([(name, variant) for name in chosen for variant in chosen[name]], encoder))
    return [
        Sheet(
            name=name,
            label=MODELS[name].label,
            source=model_source(name),
            options=tuple(model_options(name).values()),
            rows=tuple(Row(variant, next(sizes)) for variant in variants),
        )
        for name, variants in chosen.items()
    ]


def _variants(name: str) -> list[Variant]:
    entry = MODELS[name]
    return [Variant(entry.label, {}, entry.tables), *entry.variants]


def _sizes(models: Sequence[tuple[str, Variant]], encoder: str) -> list[ModelSize | Unusable]:
    cache = SizeCache()
    keyed = [(size_key(name, variant.options, encoder), name, variant) for name, variant in models]
    missing = [model for model in keyed if model[0] not in cache]
    if missing:
        try:
            _fill(cache, missing, encoder)
        finally:
            _tell("")
    return [cache[key] for key, _, _ in keyed]


def _fill(cache: SizeCache, missing: Sequence[tuple[str, str, Variant]], encoder: str) -> None:
    """Measures what is missing, after one look at the encoder: if no model can use it there is no list."""
    _tell("loading torch")
    from bench.models.size import check_encoder, measure

    check_encoder(encoder)
    for done, (key, name, variant) in enumerate(missing):
        _tell(f"measuring {done + 1}/{len(missing)}: {variant.label}")
        try:
            cache[key] = measure(name, variant.options, encoder)
        except SuiteError as error:
            cache[key] = Unusable(str(error))


def _tell(what: str) -> None:
    """Shows progress in place, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)
