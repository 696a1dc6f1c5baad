"""The keys of a suite file, each documented; the defaults are the thesis' recipe.

"Thesis" is K. Preechakul, Chulalongkorn University 2020; "code" its authors' released implementation.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from bench.suite.cam import NATIVE, CamMethod
from bench.suite.catalog import MODELS, model_options
from bench.suite.claims import Claim, Margins
from bench.suite.dataset_specs import DATASET_SPECS, SHORT_NAME, Fraction, NamedDataset, Seed, is_bare
from bench.suite.frozen import Frozen
from bench.suite.plugins import TARGET
from bench.suite.subject import WRAPPERS, InputContract
from bench.suite.violation import AcceptableKind

Resolution = Annotated[int, Field(ge=64, le=4096)]
"""Side of the square input in px; its encoder says of what it is to be a multiple (`encoder_fit`)."""


class Init(Frozen):
    """Trials of another suite to start from: those of the same seed and resolution, at their best epoch.

    Every tensor whose name and shape match is copied; the head is new if the classes differ.
    """

    suite: str = Field(alias="from")
    """Name of the suite's file, without its ending, in the same folder."""
    model: str
    """Label or name of the row in that suite."""


class Phase(Frozen):
    """One training, at the recipe's rate, until it stops; the next phase begins at its best epoch."""

    freeze: Literal["none", "encoder"] = "none"
    """The part of the model that is not trained in this phase."""
    freeze_statistics: bool = False
    """Whether batch norms of the frozen part also keep their statistics; in the authors' code they do not."""

    @property
    def freezes(self) -> bool:
        """Whether anything is not trained."""
        return self.freeze != "none"


class ModelSpec(Frozen):
    """A row of the grid: a model, its options and its initial weights."""

    name: str
    """A model of `bench list models`, or one of your own by its class: `my_package.nets:TwoScale`."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Keyword options of the model's constructor; may be written directly beside `name`."""
    encoder: str | None = None
    """Encoder of segmentation-models-pytorch or, as `tu-…`, of timm; the suite's encoder if absent."""
    weights: str | None = None
    """Initial encoder weights: none, imagenet, or a file beside the suite; the suite's weights if absent."""
    saw: tuple[str, ...] | None = None
    """Images that the model's start (its weights, or the classifier that is trained already) has seen: data
    sets or parts of them, such as nih/test, and files with a name of an image in each line. If absent, the
    suite's of a model that names no weights, and what is known of the weights by their name. Not part of a
    trial's identity."""
    init: Init | None = None
    """Trained trials to start from, in place of weights, e.g. `{from: nih_256, model: pylon}`."""
    phases: tuple[Phase, ...] = Field((Phase(),), min_length=1)
    """Trainings one after the other; the row is the result of the last one."""
    train: bool = True
    """false: a subject, which is trained already and only scored. Its `name` is torchvision, timm,
    torchxrayvision or huggingface, a model of `bench list models`, or a function of your own that returns the
    network, `my_package.nets:load`; its `weights` are a file with all of its weights."""
    architecture: str | None = None
    """Of a subject of torchvision, timm or torchxrayvision, as the library calls it."""
    classes: tuple[str, ...] | str | None = None
    """Of a subject, in the order of its outputs: names, or a file with one in each line."""
    aliases: dict[str, str] = Field(default_factory=dict)
    """Of a subject, the findings that classes of other names stand for, e.g. `{Fluid: Effusion}`."""
    input: InputContract | None = None
    """Of a subject, the images that it was trained on."""
    label: str | None = None
    """Name of this row in tables; derived from name and options if absent. Not part of a trial's identity."""

    @model_validator(mode="before")
    @classmethod
    def _gather_options(cls, value: Any) -> Any:
        """`pylon` means `{name: pylon}`, and unknown keys beside the name are the model's options."""
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, dict):
            own = {key: item for key, item in value.items() if key in cls.model_fields}
            options = {key: item for key, item in value.items() if key not in cls.model_fields}
            given = own.get("options", {})
            if options and isinstance(given, dict):
                own["options"] = {**given, **options}
            for key in ("phases", "saw", "classes", "input"):
                if key in own:  # past this validator JSON's lists count as Python's
                    own[key] = _with_tuples(own[key])
            return own
        return value


def _with_tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_with_tuples, value))
    return {key: _with_tuples(item) for key, item in value.items()} if isinstance(value, dict) else value


class Augmentation(Frozen):
    """Training augmentation in its order: rotation, crop, flip, brightness and contrast (thesis §5.3)."""

    rotation_degrees: float = Field(90.0, ge=0, le=180)
    """Rotation is uniform in ± this angle; the corners outside of the image are black."""
    rotation_probability: Fraction = 0.5
    crop_area_min: float = Field(0.7, gt=0, le=1)
    """A crop's share of the image's area is uniform in [this, 1]; the crop is resized to the resolution."""
    crop_aspect_max: float = Field(4 / 3, ge=1, le=4)
    """A crop's aspect ratio is log-uniform in [1/this, this]."""
    flip_probability: Fraction = 0.5
    """Horizontal flip."""
    brightness: Fraction = 0.5
    """Added to pixels, in units of full white, uniform in ± this; drawn together with contrast."""
    contrast: Fraction = 0.5
    """Factor on pixels, uniform in 1 ± this."""
    photometric_probability: Fraction = 0.5


class Recipe(Frozen):
    """How a trial is trained. The defaults are the thesis' (§5.3, or its code)."""

    batch_size: int = Field(64, ge=2)
    """Images per optimisation step; the last batch of an epoch may be smaller and is used too."""
    learning_rate: float = Field(1e-4, gt=0)
    """Adam's initial rate; no weight decay."""
    max_epochs: int = Field(40, ge=1)
    """Largest number of epochs (code: NIH 40, VinDr 100)."""
    evaluate_every: int = Field(1, ge=1)
    """Epochs between evaluations of the validation loss (code: NIH 1, VinDr 3)."""
    plateau_factor: float = Field(0.2, gt=0, lt=1)
    """The rate is multiplied by this when the validation loss stops improving."""
    plateau_patience: int = Field(1, ge=0)
    """Evaluations in a row that may fail to improve: with 1, the second one reduces the rate."""
    plateau_threshold: float = Field(1e-4, ge=0, lt=1)
    """Relative improvement over the best loss so far that counts as one."""
    max_reductions: int = Field(3, ge=1)
    """Training stops after the epoch of this reduction of the rate: "more than two times" in the thesis."""
    mean: float = 0.4984
    """Normalisation: mean of pixels scaled to [0, 1]."""
    std: float = Field(0.2483, gt=0)
    """Normalisation: standard deviation of pixels scaled to [0, 1]."""
    augmentation: Augmentation = Augmentation()
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Arithmetic of the network; auto: float16 with loss scaling on CUDA, float32 on a CPU. The output of the
    last convolution is always pooled and scored in float32."""
    num_threads: int = Field(1, ge=1, le=64)
    """CPU threads of a trial's arithmetic. Sums differ between thread counts, so it is part of identity."""
    channels_last: bool = True
    """Memory format of images and convolutions."""
    accumulate: int = Field(1, ge=1)
    """Micro-batches that a batch is processed in, one after the other, to save memory: the optimiser sees the
    same batch and the same mean of its losses. Batch norm sees micro-batches, so this is part of identity
    (ours)."""
    compile: bool = False
    """Whether to train with torch.compile, whose fused operations round differently. Scoring is never
    compiled (ours)."""
    limit_batches: int | None = Field(None, ge=1)
    """Number of batches of images to load of each part; all if absent. It is for smoke tests, whose reports
    say that they are no results; `bench run --limit-batches` sets it (ours)."""

    def for_subjects(self) -> "Recipe":
        """Returns the settings that the scores of a subject depend on, which no training precedes.

        Images come as they are, in [0, 1]: the subject's input contract normalises them.
        """
        return Recipe(
            batch_size=max(self.piece_size, 2),
            mean=0.0,
            std=1.0,
            precision="float32",
            num_threads=self.num_threads,
            channels_last=self.channels_last,
            limit_batches=self.limit_batches,
        )

    @property
    def piece_size(self) -> int:
        """Images that are processed at once."""
        return -(-self.batch_size // self.accumulate)

    @property
    def limit_images(self) -> int | None:
        """Images of each part that are loaded; None is all."""
        return None if self.limit_batches is None else self.limit_batches * self.batch_size


class Resources(Frozen):
    """Resources of a running trial. Not part of its identity."""

    cpu: float | None = Field(None, gt=0)
    """CPU cores per trial, fractions allowed; the recipe's num_threads if absent."""
    gpu: float | None = Field(None, ge=0)
    """GPUs per trial, fractions allowed. If absent, one if the machine has any, else none."""


class Exclusion(Frozen):
    """Trials to leave out of the grid: those that match every key of the entry."""

    model: str | None = None
    """A model's name or label."""
    dataset: str | None = None
    """A data set's name or title."""
    resolution: int | None = None
    seed: int | None = None
    cam: CamMethod | None = None


class Suite(Frozen):
    """A grid of models × data sets × resolutions × seeds × maps, and their recipe."""

    name: str = Field(pattern=SHORT_NAME)
    """Name of the report folder and the MLflow experiment; the file's name without .yaml if absent."""
    title: str | None = None
    """Heading of the report; the name if absent."""
    models: tuple[ModelSpec, ...] = Field(min_length=1)
    """The rows of the table, in order."""
    datasets: tuple[NamedDataset, ...] = Field(min_length=1)
    resolutions: tuple[Resolution, ...] = Field(min_length=1)
    """Sides of the square input in px, from 64 up: multiples of 32 for most encoders, of the patch's side for
    vision transformers (thesis: 256, 512)."""
    seeds: tuple[Seed, ...] = Field(min_length=1)
    """One trial each; a seed determines initial weights, order and augmentation (thesis: five)."""
    cams: tuple[CamMethod, ...] = Field((NATIVE,), min_length=1)
    """Maps that localization is scored on, a row each: native, the heatmap logits that the model returns, or
    the maps of a method that explains a trained model, such as grad_cam (`bench list cams`), or one of your
    own by its function, `my_package.maps:half`. Not part of a trial's identity: the same weights are scored
    again, without training. Every trial is scored on its native maps too."""
    sanity: bool = False
    """Whether to check each of these maps, too: does it change with the model's weights and with the finding
    that is asked for, does its peak follow a shifted image, do its highest pixels matter to the model? On at
    most 48 units; their means are a table of the report. Not part of a trial's identity."""
    metrics: tuple[str, ...] = ()
    """Metrics of your own beside bench's, by where they are declared: `my_package.inside:INSIDE`. Not part
    of a trial's identity: `bench rescore` computes them of trials that are finished."""
    encoder: str = "resnet50"
    """Encoder of the models that name none."""
    weights: str = "imagenet"
    """Initial encoder weights of the models that name none: none, imagenet, or a file."""
    saw: tuple[str, ...] | None = None
    """Images that the suite's weights have seen, of models that name none; as a model's."""
    recipe: Recipe = Recipe()
    resources: Resources = Resources()
    exclude: tuple[Exclusion, ...] = ()
    accept: tuple[AcceptableKind, ...] = ()
    """Violations of `bench data check` that do not stop a run of this suite, such as patients in two parts of
    the thesis' split by image; data_differ accepts that its trials had different data, test_images_seen that
    rows start from what has seen their test images. Not part of a trial's identity; its record says which
    data it had."""
    margins: Margins = Margins()
    """The largest differences that still count as none, for claims of equivalence and for the plan. Not part
    of a trial's identity."""
    claims: tuple[Claim, ...] = ()
    """Statements on the suite's rows; `bench verify` tests which of them the trials support. Not part of a
    trial's identity."""
    references: tuple[str, ...] = ()
    """Results of others, by their names in `bench reference list`: rows below the models, in tables of their
    data set and resolution. Not part of a trial's identity."""
    annotations: dict[Annotated[str, Field(pattern=SHORT_NAME)], str] = Field(default_factory=dict)
    """Other annotations of the images, by a name for each: a file, or a folder of masks, relative to the
    suite file. `bench rescore --annotation NAME` scores the maps by one; nothing else reads it. Not part
    of a trial's identity."""


_PLUGIN = {"type": "string", "pattern": TARGET}
"""A model or a data set that is named by its class; its options are not known to an editor."""


def suite_schema() -> dict[str, Any]:
    """Returns the JSON Schema of suite files, with the options of each model and data set."""
    schema = Suite.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["required"].remove("name")  # the file's stem stands in
    definitions = schema["$defs"]
    schema["properties"]["datasets"]["items"] = _datasets_schema(definitions)
    definitions["Operand"] = {"anyOf": [{"type": "string"}, definitions["Operand"]]}
    shared = definitions.pop("ModelSpec")["properties"]
    schema["properties"]["models"]["items"] = {
        "anyOf": [
            {"enum": list(MODELS)},
            _PLUGIN,
            *(_model_schema(name, shared) for name in MODELS),
            {"type": "object", "properties": shared | {"name": _PLUGIN}, "required": ["name"]},
            _wrapper_schema(shared),
        ]
    }
    return schema


def _datasets_schema(definitions: dict[str, Any]) -> dict[str, Any]:
    """Returns the schema of a data set; those that distributions offer are added to the definitions."""
    for name, spec in DATASET_SPECS.items():
        if name not in DATASET_SPECS.own:
            offered = spec.model_json_schema()
            definitions.update(offered.pop("$defs", {}))
            offered["properties"]["name"] = {"const": name}
            definitions[spec.__name__] = offered
        own = definitions[spec.__name__]
        own["required"] = list(dict.fromkeys(["name", *own.get("required", [])]))
    return {
        "anyOf": [
            {"enum": [name for name, spec in DATASET_SPECS.items() if is_bare(spec)]},
            _PLUGIN,
            *({"$ref": f"#/$defs/{spec.__name__}"} for spec in DATASET_SPECS.values()),
            {"type": "object", "properties": {"name": _PLUGIN}, "required": ["name"]},
        ]
    }


def _wrapper_schema(shared: dict[str, Any]) -> dict[str, Any]:
    """Returns the schema of a subject of a library that bench wraps."""
    properties = shared | {"name": {"enum": list(WRAPPERS)}, "train": {"const": False}}
    return {"type": "object", "properties": properties, "required": ["name", "train", "weights"]}


def _model_schema(name: str, shared: dict[str, Any]) -> dict[str, Any]:
    """Returns the schema of one model: its options stand beside the name or under "options"."""
    fields = {key: field for key, field in shared.items() if key not in ("name", "options")}
    options = {
        key: {**option.type.json_schema(), "default": option.default}
        for key, option in model_options(name).items()
    }
    grouped = {"type": "object", "properties": options, "additionalProperties": False}
    return {
        "type": "object",
        "title": MODELS[name].label,
        "properties": {"name": {"const": name}, **fields, **options, "options": grouped},
        "required": ["name"],
        "additionalProperties": False,
    }
