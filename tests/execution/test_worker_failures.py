"""Ray's many lines on a dead worker, in its own words, as a sentence."""

import pytest
from trials import make_trial

from bench.execution.ray.tune_callback import cause_of_death, last_failure, too_many_deaths

MEMORY = """\
1 worker(s) were killed due to the node running low on memory. Memory on the node (IP: 10.0.0.7, ID: 4c91) \
was 22.52GB used / 23.54GB limit (0.956)
OOM kill reason: Memory usage 4822614016B exceeded threshold
Top 10 memory users: PID	MEM(GB)	COMMAND
"""
OLDER_MEMORY = """\
Task was killed due to the node running low on memory.
Memory on the node (IP: 10.0.0.7, ID: 4c91) where the task (actor ID: 1, name=train, pid=12, memory \
used=8.15GB) was running was 22.52GB / 23.54GB (0.957), which exceeds the memory usage threshold of 0.95.
"""
KILLED = """\
The actor died unexpectedly before finishing this task.
	class_name: ImplicitFunc
The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit detail: \
Worker unexpectedly exits with a connection error code 2. End of file."""
NODE = """\
The actor died unexpectedly before finishing this task.
The actor died because its node has died. Node Id: 41
	the actor's node was terminated unexpectedly: health check failed due to missing too many heartbeats
"""
CUT_OFF = (
    "The actor 37fe is unavailable: The actor is temporarily unavailable: RpcError: RPC error: Socket closed"
)

UNEXPECTED = "The actor died unexpectedly before finishing this task.\n\tclass_name: ImplicitFunc\n"


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (MEMORY, "its machine ran out of memory (22.52 of 23.54 GB used on 10.0.0.7)"),
        (OLDER_MEMORY, "its machine ran out of memory (22.52 of 23.54 GB used on 10.0.0.7)"),
        ("a node running low on memory", "Ray ended it because its machine ran out of memory"),
        (UNEXPECTED, "it was killed or crashed, as happens where memory runs out"),
        (KILLED, "it was killed or crashed, as happens where memory runs out"),
        (NODE, "its node was lost"),
        (CUT_OFF, "it, or its whole node, was killed or cut off"),
        ("Something\n  new", "Something new"),
        ("", "Ray does not say why"),
    ],
)
def test_the_cause_is_told_from_what_ray_writes(failure, cause):
    assert cause_of_death(failure).endswith(cause)
    assert "\n" not in cause_of_death(failure)


def test_the_last_of_several_failures_counts():
    heading = "Failure # {} (occurred at 2026-01-01_00-00-00)\n"
    assert last_failure(f"{heading.format(1)}{MEMORY}\n{heading.format(2)}{KILLED}\n") == KILLED
    assert last_failure("") == ""


def test_remedies_are_named_where_memory_may_be_the_cause_and_can_be_taken():
    for failure in (MEMORY, KILLED):
        sentence = too_many_deaths(make_trial(batch_size=8, accumulate=2), cause_of_death(failure))
        assert sentence.startswith("its worker died 3 times; the last time ")
        assert "--max-concurrent" in sentence
        assert "--set recipe.accumulate=4 works on half as many images" in sentence
        assert "bench run --only-failed runs it again" in sentence
    assert "recipe.accumulate" not in too_many_deaths(
        make_trial(batch_size=2, accumulate=2), cause_of_death(MEMORY)
    )
    assert "--max-concurrent" not in too_many_deaths(make_trial(), cause_of_death(NODE))
