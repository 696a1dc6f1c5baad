"""Claims of a suite on its rows: statements that finished trials support or refute.

A claim has one of four kinds, which is the key that names its subject:

superior         a row scores higher than others, seed by seed
equivalent       rows score the same, up to a margin declared in advance
less_variable    a row varies less across seeds than another
gains_with       the same models score higher under one condition than under another

docs/claims.md says how each is tested.
"""

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    RootModel,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from bench.errors import listing
from bench.suite.cam import CamMethod
from bench.suite.frozen import Frozen
from bench.suite.metrics import METRICS, PRIMARY, WEIGHTED


def _or_one(item: Any, listed: Any, word: str | None = None) -> BeforeValidator:
    """Returns the validator of a field that also takes one item in place of a list.

    Args:
        item: type of the item: text or a mapping.
        listed: type of the list, or of the list and the word.
        word: text that the field takes as it is.
    """

    def as_tuple(value: Any) -> Any:
        if isinstance(value, str | dict) and value != word:
            return (value,)
        return tuple(value) if isinstance(value, list) else value  # past a validator lists are not JSON's

    return BeforeValidator(as_tuple, json_schema_input_type=listed | item)


def _as_word(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class _KnownMetric:
    """The name of a metric: of those that there are when a suite is read, not when bench is imported."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._known, handler(source))

    def __get_pydantic_json_schema__(self, _: CoreSchema, __: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "enum": list(METRICS)}

    @staticmethod
    def _known(name: str) -> str:
        if name not in METRICS:
            raise PydanticKnownError("literal_error", {"expected": listing(METRICS)})
        return name


MetricName = Annotated[str, _KnownMetric()]


class Margins(RootModel[dict[MetricName, Annotated[float, Field(gt=0, lt=1)]]]):
    """The largest differences that still count as none, by metric; declared before anything is run."""

    model_config = ConfigDict(frozen=True, strict=True)

    root: dict[MetricName, Annotated[float, Field(gt=0, lt=1)]] = Field(default_factory=dict)
    """Those that differ from the metrics' own."""

    def of(self, metric: str) -> float:
        """Returns the margin of a metric."""
        return self.root.get(metric, METRICS[metric].margin)

    @classmethod
    def __get_pydantic_json_schema__(cls, _: CoreSchema, __: GetJsonSchemaHandler) -> dict[str, Any]:
        """Returns the schema with a property for each metric, for editors."""
        bounds = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
        properties = {name: bounds | {"default": metric.margin} for name, metric in METRICS.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}


class _Choice(Frozen):
    """A choice among the trials of a row."""

    dataset: str | None = None
    """Name or title of the data set, where the suite has several."""
    resolution: int | None = None
    """Side of the input in px, where the suite has several."""
    cam: CamMethod | None = None
    """The map that localization is scored on; native if absent."""


class Condition(_Choice):
    """A choice among the trials of a row; the claim's own choice holds for keys that are absent."""

    suite: str | None = None
    """Another suite's trials: the name of its file, without its ending, in the same folder."""


class Operand(Condition):
    """A row, given by its label alone (`PYLON`) or with conditions (`{suite: nih_256, model: PYLON}`)."""

    model: str
    """Label of the row, or name of its model where that is one row."""

    @model_validator(mode="before")
    @classmethod
    def _from_label(cls, value: Any) -> Any:
        return {"model": value} if isinstance(value, str) else value


_Operands = Annotated[tuple[Operand, ...], Field(min_length=1)]
_Others = Literal["others"] | tuple[Operand, ...]
_All = Literal["all"] | tuple[str, ...]
_Words = Annotated[tuple[str, ...], Field(min_length=1)]


class ClaimBase(_Choice):
    """The keys that claims of every kind have."""

    statement: str | None = None
    """One sentence for people; derived from the rest if absent."""
    group: Annotated[
        str | None,
        BeforeValidator(_as_word),
        WithJsonSchema({"type": ["string", "integer", "null"], "default": None}),
    ] = None
    """Word or number by which claims of several suites belong together, e.g. 5."""
    metric: MetricName = PRIMARY.name
    column: Annotated[_Words, _or_one(str, _Words)] = (WEIGHTED,)
    """weighted, macro or a finding, or a list of them; each is compared for itself."""


class Superior(ClaimBase):
    """A row scores higher than each of others."""

    superior: Operand
    """The row."""
    to: Annotated[_Others, _or_one(Operand, _Others, "others")] = Field(min_length=1)
    """Those that it is compared with; `others` are all other rows of the suite."""


class Equivalent(ClaimBase):
    """Rows score the same up to a margin, each pair of them."""

    equivalent: tuple[Operand, ...] = Field(min_length=2)
    """The rows, at least two."""
    margin: float | None = Field(None, gt=0, lt=1)
    """Largest difference that still counts as none; the suite's for the metric if absent."""


class LessVariable(ClaimBase):
    """A row varies less across seeds than each of others."""

    less_variable: Operand
    """The row."""
    than: Annotated[_Operands, _or_one(Operand, _Operands)]
    """Those that vary more."""


class GainsWith(ClaimBase):
    """Each of some models scores higher under one condition than under another."""

    gains_with: Condition
    """The condition that helps, e.g. `{resolution: 512}`."""
    over: Condition
    """The other one, e.g. `{suite: nih_256, resolution: 256}`."""
    models: Annotated[_All, _or_one(str, _All, "all")] = Field("all", min_length=1)
    """Labels of the rows; `all` are those of the condition that helps."""


CLAIM_KINDS: dict[str, type[ClaimBase]] = {
    "superior": Superior,
    "equivalent": Equivalent,
    "less_variable": LessVariable,
    "gains_with": GainsWith,
}
"""The kinds by their keys; a claim has exactly one of these keys."""


def claim_kind(value: Any) -> type[ClaimBase] | None:
    """Returns the kind of claim that a mapping states; None if it has the key of none or of several."""
    kinds = [kind for key, kind in CLAIM_KINDS.items() if isinstance(value, dict) and key in value]
    return kinds[0] if len(kinds) == 1 else None


def _tag_of(value: Any) -> str | None:
    kind = type(value) if isinstance(value, ClaimBase) else claim_kind(value)
    return None if kind is None else kind.__name__


Claim = Annotated[
    Annotated[Superior, Tag("Superior")]
    | Annotated[Equivalent, Tag("Equivalent")]
    | Annotated[LessVariable, Tag("LessVariable")]
    | Annotated[GainsWith, Tag("GainsWith")],
    Discriminator(_tag_of),
]
