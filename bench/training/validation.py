"""The loss on the validation part, which rate, stopping and best epoch follow."""

import torch
import torch.nn.functional as F
from torch import nn

from bench.data.dataset import ImageSet
from bench.data.feeding import evaluation_batches
from bench.suite.schema import Recipe
from bench.training.compiling import ToLogits
from bench.training.pieces import in_pieces
from bench.training.precision import Precision


@torch.no_grad()
def validation_loss(
    model: nn.Module, logits_of: ToLogits, images: ImageSet, recipe: Recipe, precision: Precision
) -> float:
    """Returns the mean over images of the per-image mean binary cross-entropy, in the precision of training.

    Args:
        model: is put into evaluation mode.
        logits_of: calls it.
        images: the validation part.
        recipe: batches and normalisation.
        precision: of the network.

    Source: thesis §5.3 (batches are weighted by their size: code).
    """
    model.eval()
    total = torch.zeros((), dtype=torch.float64, device=precision.device)
    for batch in evaluation_batches(images, in_pieces(recipe), precision.device):
        with precision.autocast():
            logits = logits_of(batch.images)
        loss = F.binary_cross_entropy_with_logits(logits.float(), batch.labels)
        total += loss.double() * len(batch.indices)
    return float(total) / len(images)
