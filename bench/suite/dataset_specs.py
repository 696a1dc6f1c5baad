"""The keys of data sets in a suite file, each documented; where each one's reader is.

A data set from outside of bench is a class like these, named by ``module:class`` or offered by an installed
distribution (docs/plugins.md).

"Thesis" is K. Preechakul, Chulalongkorn University 2020; "code" its authors' released implementation.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, ConfigDict, Field, WrapSerializer, WrapValidator

from bench.errors import PluginError
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
from bench.suite.plugin_source import PluginSource, source_of
from bench.suite.plugins import Declarations, imported

Fraction = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
SHORT_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
"""Names that are safe in file names."""


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


class UnknownSpec(Frozen):
    """A data set whose class is not at hand, or does not take its keys: they are as they were written.

    A suite that names one is refused; a record of one is read.
    """

    model_config = ConfigDict(extra="allow")

    labelled: ClassVar[tuple[str, ...]] = ()
    boxed: ClassVar[tuple[str, ...]] = ()

    name: str


_OwnSpec = (
    PhantomSpec
    | NihSpec
    | VindrSpec
    | Vindr100Spec
    | ChestXDetSpec
    | RsnaSpec
    | SiimSpec
    | ChexlocalizeSpec
    | Tbx11kSpec
    | FolderSpec
)

_OWN: dict[str, type[Frozen]] = {spec.model_fields["name"].default: spec for spec in get_args(_OwnSpec)}
"""Bench's own data sets, in the order of `_OwnSpec`."""


def _declared(target: str) -> type[Frozen]:
    found = imported(target)
    if not isinstance(found, type) or not issubclass(found, Frozen) or "name" not in found.model_fields:
        raise PluginError("is no class that derives from bench.suite.dataset_specs.StoredSpec", place=target)
    needed = ("reader",) if issubclass(found, StoredSpec) else ("reader", "drawer", "labelled", "boxed")
    for part in needed:
        if not hasattr(found, part):
            raise PluginError(f"has no {part!r}", place=target)
    return found


DATASET_SPECS = Declarations("bench.datasets", _OWN, _declared, takes_targets=True)
"""The class of every data set that a suite can name."""


def dataset_source(dataset: "DatasetSpec") -> PluginSource | None:
    """Returns the source of a data set from outside of bench, of class and reader; None of bench's own.

    Raises:
        PluginError: it cannot be found or read.
    """
    if dataset.name in DATASET_SPECS.own:
        return None
    spec: Any = DATASET_SPECS[dataset.name]
    modules = (target.partition(":")[0] for target in (spec.reader, getattr(spec, "drawer", spec.reader)))
    return source_of(spec.__module__, *(one for one in modules if not one.startswith("bench.")))


def _of_its_class(value: Any, of_own: Callable[[Any], Any]) -> Any:
    """Returns the keys as the class of their data set has them; `of_own` those of bench's own."""
    name = value.get("name") if isinstance(value, Mapping) else getattr(value, "name", None)
    if not isinstance(name, str) or name in _OWN:
        return of_own(value)
    if isinstance(value, Frozen):
        return value
    try:
        return DATASET_SPECS[name].model_validate(value)
    except Exception:  # whatever foreign code raises: `bench.suite.validate` says why, of a suite
        return UnknownSpec.model_validate(value)


def _written(spec: Any, of_own: Callable[[Any], Any]) -> Any:
    """Returns the keys for a file; of a plug-in those that differ from defaults, which may be gone later."""
    if spec.name in _OWN:
        return of_own(spec)
    return {"name": spec.name} | spec.model_dump(mode="json", exclude_defaults=True)


if TYPE_CHECKING:
    DatasetSpec = PhantomSpec | StoredSpec  # an unknown one is refused before it is used
else:
    DatasetSpec = Annotated[
        Annotated[_OwnSpec, Field(discriminator="name")],
        WrapValidator(_of_its_class),
        WrapSerializer(_written),
    ]

NamedDataset = Annotated[
    DatasetSpec, BeforeValidator(lambda value: {"name": value} if isinstance(value, str) else value)
]
"""A data set as suites write it: its bare name, where no other key is required, means a mapping with it."""


def is_bare(spec: type[Frozen]) -> bool:
    """Returns whether the bare name says all that the data set needs."""
    return not any(field.is_required() for name, field in spec.model_fields.items() if name != "name")


def title_of(dataset: DatasetSpec) -> str:
    """Returns the data set's name for people: its title if it has one, else its name or its class's."""
    title = dataset.title if isinstance(dataset, FolderSpec) else None
    return title or dataset.name.rpartition(":")[2]
