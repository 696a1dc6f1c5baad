"""The keys of a suite file, each documented; the defaults are the thesis' recipe.

"Thesis" is K. Preechakul, Chulalongkorn University 2020; "code" its authors' released implementation.
"""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from bench.suite.cam import NATIVE, CamMethod
from bench.suite.catalog import MODELS, model_options
from bench.suite.claims import Claim, Margins
from bench.suite.findings import (
    CHESTX_DET_FINDINGS,
    CHEXLOCALIZE_FINDINGS,
    CHEXPERT_FINDINGS,
    NIH_BOXED_FINDINGS,
    NIH_FINDINGS,
    RSNA_FINDINGS,
    SIIM_FINDINGS,
    TBX11K_FINDINGS,
    VINDR_1_0_0_BOXED_FINDINGS,
    VINDR_1_0_0_FINDINGS,
    VINDR_BOXED_FINDINGS,
    VINDR_FINDINGS,
)
from bench.suite.frozen import Frozen
from bench.suite.violation import AcceptableKind

Fraction = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Resolution = Annotated[int, Field(ge=64, le=4096, multiple_of=32)]
SHORT_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
"""Names that are safe in file names."""


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
    """A model of `bench list models`."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Keyword options of the model's constructor; may be written directly beside `name`."""
    encoder: str | None = None
    """Encoder of segmentation-models-pytorch; the suite's encoder if absent."""
    weights: str | None = None
    """Initial encoder weights: none, imagenet, or a file beside the suite; the suite's weights if absent."""
    init: Init | None = None
    """Trained trials to start from, in place of weights, e.g. `{from: nih_256, model: pylon}`."""
    phases: tuple[Phase, ...] = Field((Phase(),), min_length=1)
    """Trainings one after the other; the row is the result of the last one."""
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
            if isinstance(own.get("phases"), list):  # past this validator JSON's lists count as Python's
                own["phases"] = tuple(own["phases"])
            return own
        return value


class PhantomSpec(Frozen):
    """Simulated chest radiographs with exact boxes, drawn when they are needed; no files."""

    reader: ClassVar = "bench.data.phantom.source:read_phantom"
    drawer: ClassVar = "bench.data.phantom.source:load_phantom"

    name: Literal["phantom"] = "phantom"
    findings: Literal["eight", "nih", "vindr"] = "eight"
    """eight: the findings of NIH ChestX-ray14 that have boxes; nih: all of its 14, six of them without boxes;
    vindr: the 15 of VinDr-CXR, "No finding" without boxes."""
    train: int = Field(2000, ge=2)
    """Number of training images."""
    val: int = Field(200, ge=1)
    """Number of validation images."""
    test: int = Field(400, ge=1)
    """Number of test images, all with exact boxes."""
    seed: Seed = 0
    """Seed of the images; not the trial's seed."""
    oversize: float = Field(1.0, ge=1, le=4)
    """Side of the training images before augmentation, in units of the resolution."""

    @property
    def labelled(self) -> tuple[str, ...]:
        """Its findings, in the order of tables."""
        return {"eight": NIH_BOXED_FINDINGS, "nih": NIH_FINDINGS, "vindr": VINDR_FINDINGS}[self.findings]

    @property
    def boxed(self) -> tuple[str, ...]:
        """Its findings that may have boxes."""
        return VINDR_BOXED_FINDINGS if self.findings == "vindr" else NIH_BOXED_FINDINGS


class SplitLists(Frozen):
    """An explicit split: three text files with one image name per line."""

    train: str
    """Training images; a path relative to the suite file."""
    val: str
    """Validation images."""
    test: str
    """Test images; those with boxes are scored for localization."""


class StoredSpec(Frozen):
    """A data set that is decoded from files."""

    reader: ClassVar[str]
    """``module:function`` that takes its specification and a `DataContext` and returns its `DataSource`. It
    is imported when it is used: a machine need not have decoders of data sets that it does not train on."""
    labelled: ClassVar[tuple[str, ...]] = ()
    """Its findings, in the order of tables; empty if they are read from its own tables."""
    boxed: ClassVar[tuple[str, ...]] = ()
    """Its findings that may have boxes."""

    name: str
    split: str | SplitLists
    """The images to train on, to validate on and to test on: a word, or three lists."""
    split_seed: Seed = 0
    """Seed of a random split; not used if lists or a column give the split."""
    oversize: float = Field(1.25, ge=1, le=4)
    """Side of the cached training images in units of the resolution: random crops are then hardly enlarged.
    A crop keeps at least 0.72 of a side (area 0.7 at aspect 4:3), a typical one 0.92."""


class NihSpec(StoredSpec):
    """NIH ChestX-ray14 from its official download, or a copy with images of any size."""

    reader: ClassVar = "bench.data.sources.nih:read_nih"
    labelled: ClassVar = NIH_FINDINGS
    boxed: ClassVar = NIH_BOXED_FINDINGS

    name: Literal["nih"] = "nih"
    split: Literal["official", "patient"] | SplitLists = "official"
    """official: train_val_list.txt is divided 70:7 by image, as in the thesis; patient: the same ratio, no
    patient in two parts; or three lists. With a word, the test part is test_list.txt."""


class VindrSpec(StoredSpec):
    """VinDr-CXR from its download at Kaggle ("VinBigData"), as DICOM or as converted PNGs or JPEGs.

    The thesis trains at most 100 epochs and evaluates every 3 (code): a suite's recipe has to say so.
    """

    reader: ClassVar = "bench.data.sources.vindr:read_vindr"
    labelled: ClassVar = VINDR_FINDINGS
    boxed: ClassVar = VINDR_BOXED_FINDINGS

    name: Literal["vindr"] = "vindr"
    split: Literal["random"] | SplitLists = "random"
    """random: 70:10:20 by image, as in the thesis, since patients are not published; or three lists of image
    ids."""


class Vindr100Spec(StoredSpec):
    """VinDr-CXR 1.0.0 from PhysioNet: 22 local findings; its test part is a consensus of five."""

    reader: ClassVar = "bench.data.sources.vindr:read_vindr_1_0_0"
    labelled: ClassVar = VINDR_1_0_0_FINDINGS
    boxed: ClassVar = VINDR_1_0_0_BOXED_FINDINGS

    name: Literal["vindr_1_0_0"] = "vindr_1_0_0"
    split: Literal["official"] | SplitLists = "official"
    """official: train/ is divided 70:7 by image, since patients are not published, and test/ is the test
    part; or three lists of image ids."""


class ChestXDetSpec(StoredSpec):
    """ChestX-Det: boxes and polygons of 13 findings on 3,578 images of NIH ChestX-ray14."""

    reader: ClassVar = "bench.data.sources.chestx_det:read_chestx_det"
    labelled: ClassVar = CHESTX_DET_FINDINGS
    boxed: ClassVar = CHESTX_DET_FINDINGS

    name: Literal["chestx_det"] = "chestx_det"
    split: Literal["official"] | SplitLists = "official"
    """official: the training file is divided 70:7 by image, since patients are not published; or three
    lists."""


class RsnaSpec(StoredSpec):
    """RSNA's pneumonia challenge from Kaggle: boxes on images of NIH ChestX-ray14."""

    reader: ClassVar = "bench.data.sources.rsna:read_rsna"
    labelled: ClassVar = RSNA_FINDINGS
    boxed: ClassVar = RSNA_FINDINGS

    name: Literal["rsna"] = "rsna"
    split: Literal["random", "patient"] | SplitLists = "random"
    """random: the labelled images 70:10:20 by image; patient: no patient of ChestX-ray14 in two parts, which
    needs RSNA's table of origins; or three lists."""


class SiimSpec(StoredSpec):
    """SIIM-ACR's pneumothorax challenge: masks on images of NIH ChestX-ray14."""

    reader: ClassVar = "bench.data.sources.siim:read_siim"
    labelled: ClassVar = SIIM_FINDINGS
    boxed: ClassVar = SIIM_FINDINGS

    name: Literal["siim"] = "siim"
    split: Literal["random", "patient"] | SplitLists = "random"
    """random: the labelled images 70:10:20 by image; patient: no patient of ChestX-ray14 in two parts, which
    needs a table of origins; or three lists."""


class ChexlocalizeSpec(StoredSpec):
    """CheXlocalize: masks of ten findings on CheXpert's validation and test images."""

    reader: ClassVar = "bench.data.sources.chexlocalize:read_chexlocalize"
    labelled: ClassVar = CHEXPERT_FINDINGS
    boxed: ClassVar = CHEXLOCALIZE_FINDINGS

    name: Literal["chexlocalize"] = "chexlocalize"
    split: Literal["official"] | SplitLists = "official"
    """official: CheXpert's train.csv, and the validation and test images; or three lists."""
    uncertain: Literal["zeros", "ones"] = "zeros"
    """Label of a finding that a report calls uncertain (−1). One that it does not mention is 0."""


class Tbx11kSpec(StoredSpec):
    """TBX11K: boxes of tuberculosis. Its test labels are not published: its validation part is tested on."""

    reader: ClassVar = "bench.data.sources.tbx11k:read_tbx11k"
    labelled: ClassVar = TBX11K_FINDINGS
    boxed: ClassVar = TBX11K_FINDINGS

    name: Literal["tbx11k"] = "tbx11k"
    split: Literal["official"] | SplitLists = "official"
    """official: the training file is divided 70:7 by image; the validation file is the test part; or three
    lists."""


class FolderSpec(StoredSpec):
    """Images of your own, with tables of labels and boxes, which docs/your-own-data.md describes.

    Paths are relative to the suite file. Tables are part of a trial's identity by their content, images by
    their names in the table of labels.
    """

    reader: ClassVar = "bench.data.sources.folder:read_folder"

    name: Literal["folder"] = "folder"
    title: str | None = Field(None, pattern=SHORT_NAME)
    """Name of the data set in tables; folder if absent. Not part of a trial's identity."""
    images: str
    """Folder of the images, PNG, JPEG or DICOM, at any depth. Not part of a trial's identity."""
    labels: str
    """CSV with a row per image: column image, a column of 0 and 1 for each finding, and optional columns
    patient and split."""
    boxes: str | None = None
    """CSV with a row per box: columns image, finding and those of box_format. Localization is not scored
    without it, or masks."""
    masks: str | None = None
    """Outlines of findings, in place of boxes or beside them: a file in COCO's JSON, or a folder with a PNG
    for each image and finding, `<finding>/<image>.png`, 0 outside. All boxes and masks of a finding on an
    image are one region."""
    box_format: Literal["xywh", "corners"] = "xywh"
    """xywh: columns x, y (the upper left corner), width, height; corners: x_min, y_min, x_max, y_max. In px,
    from the upper left corner of the frame."""
    box_frame: Literal["image"] | Annotated[int, Field(ge=1)] = "image"
    """image: boxes are in px of the image file; or the side in px of the square that boxes are in, whatever
    the size of the files."""
    split: Literal["column", "random", "patient"] | SplitLists = "column"
    """column: train, val and test from the column split of the labels; random: 70:10:20 by image; patient:
    70:10:20 with no patient in two parts, from the column patient; or three lists."""

    @property
    def is_localized(self) -> bool:
        """Whether anything says where findings are."""
        return self.boxes is not None or self.masks is not None


DatasetSpec = Annotated[
    PhantomSpec
    | NihSpec
    | VindrSpec
    | Vindr100Spec
    | ChestXDetSpec
    | RsnaSpec
    | SiimSpec
    | ChexlocalizeSpec
    | Tbx11kSpec
    | FolderSpec,
    Field(discriminator="name"),
]

DATASET_SPECS: dict[str, type[Frozen]] = {
    spec.model_fields["name"].default: spec for spec in get_args(get_args(DatasetSpec)[0])
}
"""Every data set that a suite can name, in the order of `DatasetSpec`."""

if TYPE_CHECKING:
    DatasetName = str
    BareDataset = str
else:
    DatasetName = Literal[tuple(DATASET_SPECS)]
    BareDataset = Literal[
        tuple(
            name
            for name, spec in DATASET_SPECS.items()
            if not any(field.is_required() for field in spec.model_fields.values())
        )
    ]

NamedDataset = Annotated[
    DatasetSpec,
    BeforeValidator(
        lambda value: {"name": value} if isinstance(value, str) else value,
        json_schema_input_type=BareDataset | DatasetSpec,
    ),
]
"""A data set as suites write it: its bare name, where no other key is required, means a mapping with it."""


def title_of(dataset: DatasetSpec) -> str:
    """Returns the data set's name for people: its title if it has one, else its name."""
    return (dataset.title if isinstance(dataset, FolderSpec) else None) or dataset.name


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
    dataset: DatasetName | None = None
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
    """Sides of the square input in px; multiples of 32 from 64 up (thesis: 256, 512)."""
    seeds: tuple[Seed, ...] = Field(min_length=1)
    """One trial each; a seed determines initial weights, order and augmentation (thesis: five)."""
    cams: tuple[CamMethod, ...] = Field((NATIVE,), min_length=1)
    """Maps that localization is scored on, a row each: native, the heatmap logits that the model returns, or
    the maps of a method that explains a trained model, such as grad_cam. Not part of a trial's identity:
    the same weights are scored again, without training. Every trial is scored on its native maps too."""
    encoder: str = "resnet50"
    """Encoder of the models that name none."""
    weights: str = "imagenet"
    """Initial encoder weights of the models that name none: none, imagenet, or a file."""
    recipe: Recipe = Recipe()
    resources: Resources = Resources()
    exclude: tuple[Exclusion, ...] = ()
    accept: tuple[AcceptableKind, ...] = ()
    """Violations of `bench data check` that do not stop a run of this suite, such as patients in two parts of
    the thesis' split by image; data_differ accepts that its trials had different data. Not part of a trial's
    identity; its record says which data it had."""
    margins: Margins = Margins()
    """The largest differences that still count as none, for claims of equivalence and for the plan. Not part
    of a trial's identity."""
    claims: tuple[Claim, ...] = ()
    """Statements on the suite's rows; `bench verify` tests which of them the trials support. Not part of a
    trial's identity."""
    references: tuple[str, ...] = ()
    """Results of others, by their names in `bench reference list`: rows below the models, in tables of their
    data set and resolution. Not part of a trial's identity."""


def suite_schema() -> dict[str, Any]:
    """Returns the JSON Schema of suite files, with the options of each model."""
    schema = Suite.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["required"].remove("name")  # the file's stem stands in
    definitions = schema["$defs"]
    for spec in DATASET_SPECS.values():
        own = definitions[spec.__name__]
        own["required"] = ["name", *own.get("required", [])]
    definitions["Operand"] = {"anyOf": [{"type": "string"}, definitions["Operand"]]}
    shared = definitions.pop("ModelSpec")["properties"]
    schema["properties"]["models"]["items"] = {
        "anyOf": [{"enum": list(MODELS)}, *(_model_schema(name, shared) for name in MODELS)]
    }
    return schema


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
