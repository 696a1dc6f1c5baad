"""The log of losses: one row per step, the mean in order, and back from a tensor."""

import numpy as np
import torch

from bench.training.losses import LossLog

CPU = torch.device("cpu")


def filled() -> LossLog:
    log = LossLog([4, 4, 1], CPU)
    for loss in (1.0, 2.0, 4.0):
        log.add(torch.tensor(loss))
    log.end_epoch()
    log.add(torch.tensor(0.1))
    return log


def test_mean_weights_steps_by_their_images():
    log = LossLog([4, 4, 1], CPU)
    for loss in (1.0, 2.0, 4.0):
        log.add(torch.tensor(loss))
    assert log.mean() == (4 * 1 + 4 * 2 + 4) / 9


def test_table_has_every_step_of_every_epoch():
    table = filled().table()
    assert table["epoch"].tolist() == [1, 1, 1, 2]
    assert table["step"].tolist() == [1, 2, 3, 1]
    assert table["images"].tolist() == [4, 4, 1, 4]
    assert table["loss"].tolist() == [1.0, 2.0, 4.0, np.float32(0.1)]
    assert table.dtypes.astype(str).tolist() == ["int32", "int32", "int32", "float32"]


def test_before_the_first_step_the_table_is_empty():
    assert LossLog([4], CPU).table().empty


def test_restored_log_goes_on_like_the_one_that_was_kept():
    kept, restored = filled(), LossLog([4, 4, 1], CPU)
    restored.restore(kept.to_tensor(), num_steps=1)
    for log in (kept, restored):
        log.add(torch.tensor(0.2))
        log.add(torch.tensor(0.3))
    assert restored.mean() == kept.mean()
    assert restored.table().equals(kept.table())


def test_log_at_the_end_of_an_epoch_is_restored_between_epochs():
    log, restored = LossLog([2, 2], CPU), LossLog([2, 2], CPU)
    for loss in (1.0, 2.0):
        log.add(torch.tensor(loss))
    log.end_epoch()
    restored.restore(log.to_tensor(), num_steps=0)
    assert restored.table().equals(log.table())
    assert restored.num_steps == 0
