"""How fast training is likely to be where nothing like it was measured: a prior, and how far it may be off.

A step takes what its arithmetic takes, and what it takes to start its operations one by one, which is most of
it for small images and models. Six operations for each multiply-accumulate of an image: two in the forward
pass and twice that in the backward pass.

GPU: a share of the dense peak in half precision that its maker promises. NVIDIA's own training of ResNet-50
in mixed precision reached 19% of it on an A100 (2,470 images/s of 224 px) and 24% on a V100 (1,200 images/s),
tuned, in batches of 256, without a decoder: the upper end here. The lower end is what narrow layers at high
resolution leave of it, by judgement; nothing was timed on a GPU.

CPU: ResNet-50 at 256 px was trained at 0.056 TFLOP/s on one core, small models at 64 px at 0.02, on a machine
with AVX-512 that had other work; newer cores reach twice as much.

Source: NVIDIA's data sheets; github.com/NVIDIA/DeepLearningExamples, ResNet-50 v1.5 for PyTorch, its
performance on DGX A100 and DGX-1.
"""

import re
from dataclasses import dataclass

from bench.execution.machine import CPU
from bench.execution.span import Span
from bench.suite.trial import Trial

PEAK_TFLOPS = {
    "H200": 989.0,
    "H100": 989.0,
    "GH200": 989.0,
    "A100": 312.0,
    "A40": 150.0,
    "A30": 165.0,
    "A10": 125.0,
    "L40": 181.0,
    "L40S": 362.0,
    "L4": 121.0,
    "V100": 125.0,
    "T4": 65.0,
    "RTX 6000 Ada": 364.0,
    "RTX A6000": 155.0,
    "RTX 4090": 165.0,
    "RTX 4080": 97.0,
    "RTX 3090": 71.0,
    "RTX 3080": 60.0,
}
"""Dense, in float16 summed in float32, 10¹² operations a second, of GPUs by what their name holds."""

ANY_GPU = "GPU"
"""Name of a GPU of which nothing is known."""

_SHARE_OF_PEAK = Span(0.03, 0.08, 0.2)
_TFLOPS_ANY_GPU = Span(_SHARE_OF_PEAK.fewest * 65, _SHARE_OF_PEAK.expected * 150, _SHARE_OF_PEAK.most * 312)
"""As between a T4 and an A100."""

_CORE = "CPU core"
_TFLOPS_PER_CORE = Span(0.015, 0.04, 0.12)
_STARTING_S_GPU = Span(0.01, 0.02, 0.05)
_STARTING_S_CPU = Span(0.003, 0.01, 0.03)
_FLOPS_PER_MAC = 6
_COUNTED_AT_PX = 256


@dataclass(frozen=True)
class SpeedPrior:
    """What is expected of a device before anything was measured.

    Attributes:
        tflops: 10¹² operations a second that training reaches.
        per: of what: a kind of GPU, or a core.
        starting_s: for a step's operations, beside their arithmetic, s.
    """

    tflops: Span
    per: str
    starting_s: Span

    def image_s(self, trial: Trial, gmacs: float) -> Span:
        """Returns the time of training on an image, s.

        Args:
            trial: with the resolution, the batch and, for a CPU, the number of threads.
            gmacs: 10⁹ multiply-accumulates of its model for one image of 256 px.
        """
        num_threads = trial.recipe.num_threads if self.per == _CORE else 1
        tflop = _FLOPS_PER_MAC * gmacs / 1e3 * (trial.resolution / _COUNTED_AT_PX) ** 2 / num_threads
        starting, size = self.starting_s, trial.recipe.piece_size
        return Span(
            tflop / self.tflops.most + starting.fewest / size,
            tflop / self.tflops.expected + starting.expected / size,
            tflop / self.tflops.fewest + starting.most / size,
        )


def speed_prior(device: str) -> SpeedPrior:
    """Returns the prior for a device: the name of a GPU, as its driver or a user says it, or cpu."""
    if device == CPU:
        return SpeedPrior(_TFLOPS_PER_CORE, _CORE, _STARTING_S_CPU)
    kind = known_kind(device)
    if kind is None:
        return SpeedPrior(_TFLOPS_ANY_GPU, "GPU of any kind", _STARTING_S_GPU)
    return SpeedPrior(_SHARE_OF_PEAK.times(PEAK_TFLOPS[kind]), kind, _STARTING_S_GPU)


def known_kind(device: str) -> str | None:
    """Returns which GPU of `PEAK_TFLOPS` the name means, the longest that it holds; None if none."""
    found = [kind for kind in PEAK_TFLOPS if re.search(rf"(?<!\w){kind}(?!\d)", device, re.IGNORECASE)]
    return max(found, key=len, default=None)
