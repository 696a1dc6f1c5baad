"""A classifier that was trained elsewhere as a model of bench: encoder, head, `CamOutput`.

Its outputs are brought to the findings of a data set: one heatmap and one logit for each finding that has a
class. A subject whose head is linear behind global average pooling has a class activation map of its own:
the head at each location, whose mean is the logit. Of others the heatmaps are NaN, and CAM methods are left.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from bench.errors import PluginError
from bench.models.blocks import CamOutput
from bench.models.registry import build_model, problem_of_output
from bench.models.subjects.contract import Contract
from bench.models.subjects.map_layers import MapLayer, find_map_layer, outputs_of
from bench.models.subjects.networks import build_network
from bench.models.weights import load_whole_model
from bench.suite.catalog import OptionValue
from bench.suite.subject import Subject


class SubjectModel(nn.Module):
    """The network behind its input contract; `forward` takes gray images [n, 1, S, S] in [0, 1].

    Attributes:
        contract: converts the images.
        has_native_map: whether its heatmaps are its own.
    """

    contract: Contract
    has_native_map = True


class _LayerSubject(SubjectModel):
    """A network of whatever family, whose head reads the map of some layer."""

    def __init__(
        self, network: nn.Module, layer: MapLayer, contract: Contract, classes: Sequence[int]
    ) -> None:
        super().__init__()
        self.contract = contract
        self.encoder = _Features(network, layer, contract)
        self.has_native_map = layer.is_averaged
        self.head = (
            _linear_head(network, layer, classes) if layer.is_averaged else _Rest(self.encoder, classes)
        )

    def forward(self, images: Tensor) -> CamOutput:
        """Returns heatmaps [n, c, h, w] and logits [n, c]; heatmaps are NaN if there is no native map."""
        features = self.encoder(images)[-1]
        found = self.head(features).float()
        if self.has_native_map:
            return CamOutput(found, found.mean(dim=(2, 3)))
        none = torch.full((*found.shape, *features.shape[-2:]), torch.nan, device=found.device)
        return CamOutput(none, found)


class _Features(nn.Module):
    """The map of features that the network's head reads, as the only item of a list."""

    def __init__(self, network: nn.Module, layer: MapLayer, contract: Contract) -> None:
        super().__init__()
        self.network, self.layer = network, layer
        self.convert = contract
        self.latest: Tensor | None = None
        """The images that the network was given last, without a graph."""

    def forward(self, images: Tensor) -> list[Tensor]:
        """Returns [n, k, h, w] for gray images [n, 1, S, S]."""
        given = self.convert(images)
        self.latest = given.detach()
        with outputs_of(self.network.get_submodule(self.layer.name)) as outputs:
            self.network(given)
        return [self.layer.map_of(outputs[-1])]


def _linear_head(network: nn.Module, layer: MapLayer, classes: Sequence[int]) -> nn.Conv2d:
    """Returns the rows of the last linear layer as a 1×1 convolution."""
    linear = network.get_submodule(layer.linear)
    assert isinstance(linear, nn.Linear)
    head = nn.Conv2d(linear.in_features, len(classes), kernel_size=1)
    with torch.no_grad():
        head.weight.copy_(linear.weight[list(classes), :, None, None])
        assert head.bias is not None
        head.bias.copy_(torch.zeros(len(classes)) if linear.bias is None else linear.bias[list(classes)])
    return head


class _Rest(nn.Module):
    """The network behind its map layer: run again on the latest images, with other features there."""

    def __init__(self, features: _Features, classes: Sequence[int]) -> None:
        super().__init__()
        self._features = [features]  # no part of this one: its weights are the encoder's
        self.classes = list(classes)

    def forward(self, features: Tensor) -> Tensor:
        """Returns logits [n, c] for the map [n, k, h, w] of the latest images."""
        (own,) = self._features
        layer, network, images = own.layer, own.network, own.latest
        assert images is not None

        def replace(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            return layer.output_of(features, output)

        hook = network.get_submodule(layer.name).register_forward_hook(replace)
        try:
            with outputs_of(network.get_submodule(layer.linear)) as logits:
                network(images)
        finally:
            hook.remove()
        return logits[-1][:, self.classes]


class _BenchSubject(SubjectModel):
    """A model that has encoder and head and returns `CamOutput` by itself."""

    def __init__(
        self, network: nn.Module, contract: Contract, classes: Sequence[int], num_classes: int, place: str
    ) -> None:
        super().__init__()
        self.network, self.contract = network, contract
        self.classes, self.num_classes, self.place = list(classes), num_classes, place

    @property
    def encoder(self) -> nn.Module:
        """The network's own."""
        return self.network.get_submodule("encoder")

    @property
    def head(self) -> nn.Module:
        """The network's own; its outputs are classes, of which `forward` chooses."""
        return self.network.get_submodule("head")

    def forward(self, images: Tensor) -> CamOutput:
        """Returns heatmaps [n, c, h, w] and logits [n, c]."""
        output = self.network(self.contract(images))
        problem = problem_of_output(output, images, self.num_classes)
        if problem is not None:
            raise PluginError(problem, place=self.place)
        return CamOutput(output.heatmaps[:, self.classes], output.logits[:, self.classes])


def build_subject(
    name: str,
    subject: Subject,
    classes: Sequence[int],
    size_px: int,
    *,
    encoder: str | None = None,
    weights: Path | None = None,
    state: Mapping[str, Tensor] | None = None,
    options: dict[str, OptionValue] | None = None,
) -> SubjectModel:
    """Returns a subject as a model, in evaluation mode on the CPU.

    Args:
        name: of a library that bench wraps, of one of bench's own models, or of a function.
        subject: its architecture, all of its classes, and its input contract.
        classes: numbers of those that are findings, in the order of the findings.
        size_px: side of the images that it will be given.
        encoder: of one of bench's own models; None of all others.
        weights: a file with the whole network.
        state: of such a model, in place of a file.
        options: of bench's own model or of the function.

    Raises:
        SuiteError: a library is not installed, or there is no such architecture, encoder or option.
        WeightsError: the file cannot be read, or is not that of the network.
        PluginError: foreign code raised an error, or the network has no map of features or other outputs.
    """
    contract, num_classes = Contract(subject.input), len(subject.classes)
    if encoder is not None:
        network = build_model(
            name,
            num_classes=num_classes,
            in_channels=subject.input.channels,
            encoder=encoder,
            encoder_weights="none",
            size_px=subject.input.size or size_px,
            **(options or {}),  # type: ignore[arg-type]
        ).eval()
        if weights is not None:
            load_whole_model(network, weights)
    else:
        network = build_network(name, subject, weights, options or {})
    if state is not None:
        own = {key.partition("network.")[2]: value for key, value in state.items()}
        network.load_state_dict({key: value for key, value in own.items() if key}, strict=False)
    if all(isinstance(getattr(network, part, None), nn.Module) for part in ("encoder", "head")):
        return _BenchSubject(network, contract, classes, num_classes, name).eval()
    size = subject.input.size or size_px
    images = torch.randn(2, subject.input.channels, size, size, generator=torch.Generator().manual_seed(0))
    layer = find_map_layer(network, images, num_classes, name)
    return _LayerSubject(network, layer, contract, classes).eval()
