"""Which model works on which encoder, at which resolution: said before anything is trained, without torch."""

from collections.abc import Container, Iterator, Sequence

from bench.errors import listing
from bench.suite.catalog import MODELS, encoder_needs
from bench.suite.document import SettingError
from bench.suite.encoders import encoder_traits
from bench.suite.schema import Suite

_SMALLEST_PX = 64
"""As the schema of suites has it."""


def misfit(model: str, encoder: str) -> str | None:
    """Returns a sentence on why the model cannot use the encoder; None if it can."""
    traits, (num_maps, output_stride) = encoder_traits(encoder), encoder_needs(model)
    if num_maps > traits.num_maps:
        fitting = listing(name for name in MODELS.own if encoder_needs(name)[0] <= traits.num_maps)
        return (
            f"encoder {encoder!r} gives one map, and model {model!r} reads {num_maps} scales; "
            f"models that need one map: {fitting}"
        )
    if output_stride != 32 and not traits.can_dilate:
        return (
            f"encoder {encoder!r} cannot be dilated to an output stride of {output_stride}, "
            f"as model {model!r} wants; one that can is resnet50"
        )
    return None


def wrong_size(encoder: str, size_px: int) -> str | None:
    """Returns a sentence on why the encoder takes no images of this side; None if it takes them."""
    traits = encoder_traits(encoder)
    if traits.takes(size_px):
        return None
    if traits.is_fixed:
        return f"encoder {encoder!r} takes images of {traits.step_px} px alone"
    step_px = traits.step_px
    first = max(size_px // step_px, -(-_SMALLEST_PX // step_px)) * step_px
    return f"encoder {encoder!r} takes multiples of {step_px} px, such as {first} and {first + step_px}"


def misfits(suite: Suite, kept: Container[tuple[str, str, int]]) -> Iterator[SettingError]:
    """Yields an error for each row of the suite, and each of its resolutions, that an encoder is not for.

    Subjects are left alone: their input contract says what size they take.

    Args:
        suite: a validated one.
        kept: model, encoder and resolution of the trials that it does not leave out.
    """
    trained = [(index, model) for index, model in enumerate(suite.models) if model.train]
    for index, model in trained:
        encoder = model.encoder or suite.encoder
        own = [size_px for size_px in suite.resolutions if (model.name, encoder, size_px) in kept]
        if own and (problem := misfit(model.name, encoder)) is not None:
            yield SettingError(("models", index), problem, value=encoder)
    for position, size_px in enumerate(suite.resolutions):
        for encoder in _encoders_at(suite, size_px, kept):
            if (problem := wrong_size(encoder, size_px)) is not None:
                keys = ("resolutions", position)
                yield SettingError(keys, f"resolutions.{position} is {size_px}; {problem}", value=size_px)


def _encoders_at(suite: Suite, size_px: int, kept: Container[tuple[str, str, int]]) -> Sequence[str]:
    """Returns the encoders of trials of this resolution, each once."""
    used = ((model.name, model.encoder or suite.encoder) for model in suite.models if model.train)
    return list(dict.fromkeys(encoder for name, encoder in used if (name, encoder, size_px) in kept))
