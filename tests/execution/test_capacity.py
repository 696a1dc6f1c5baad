"""Trials that fit no node any more: said once, forgotten when one joins, given up in the end."""

import pytest

from bench.errors import BenchError
from bench.execution.ray import capacity
from bench.execution.ray.capacity import CapacityWatch

NEEDS = {"small": {"cpu": 1.0, "gpu": 0.0}, "large": {"cpu": 4.0, "gpu": 1.0}}
SMALL, LARGE = {"cpu": 2.0, "gpu": 0.0}, {"cpu": 8.0, "gpu": 1.0}


@pytest.fixture
def nodes(monkeypatch) -> list[dict[str, float]]:
    monkeypatch.setattr(capacity, "LOOK_EVERY_S", 0.0)
    return [SMALL, LARGE]


def test_what_is_only_busy_is_waited_for_in_silence(nodes, caplog):
    CapacityWatch(NEEDS, lambda: nodes, 0.0).look(["small", "large"], is_any_running=False)
    assert not caplog.records


def test_a_node_that_is_lost_is_told_once_and_again_after_another_had_come(nodes, caplog):
    watch = CapacityWatch(NEEDS, lambda: nodes)
    nodes.remove(LARGE)
    for _ in range(3):
        watch.look(["small", "large"], is_any_running=False)
    (record,) = caplog.records
    assert record.args == ("large", "a node with 4 CPU cores and 1 GPUs", 1)
    nodes.append(LARGE)
    watch.look(["large"], is_any_running=False)
    nodes.remove(LARGE)
    watch.look(["large"], is_any_running=False)
    assert len(caplog.records) == 2


def test_it_is_given_up_only_where_nothing_else_runs(nodes):
    watch = CapacityWatch(NEEDS, lambda: nodes, 0.0)
    nodes.remove(LARGE)
    watch.look(["large"], is_any_running=True)
    with pytest.raises(BenchError, match="a node with 4 CPU cores and 1 GPUs") as error:
        watch.look(["large"], is_any_running=False)
    assert error.value.place == "large"
