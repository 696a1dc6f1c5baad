"""The base class of settings and records."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A pydantic model that is immutable, strict about types, and refuses unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
