"""Trials on phantoms, as small as they come, and what running them takes."""

from pathlib import Path

from bench.execution.context import RunContext
from bench.results.store import ResultsStore
from bench.suite.dataset_specs import PhantomSpec
from bench.suite.schema import Recipe
from bench.suite.trial import Trial


def make_trial(
    seed: int = 0, init: Trial | None = None, *, images: tuple[int, int, int] = (16, 4, 4), **changes
) -> Trial:
    """A trial of a tiny model on a few images.

    Args:
        seed: of the trial.
        init: the trial that it starts from.
        images: how many phantoms there are for training, validation and test.
        changes: fields of the trial or of its recipe.
    """
    recipe = {name: changes.pop(name) for name in Recipe.model_fields if name in changes}
    train, val, test = images
    given = {
        "model": "baseline",
        "encoder": "tu-test_resnet",
        "weights": "none",
        "dataset": PhantomSpec(train=train, val=val, test=test),
        "resolution": 64,
    }
    return Trial(seed=seed, init=init, recipe=Recipe(**recipe), **(given | changes))


def context_in(folder: Path, **changes) -> RunContext:
    """What trials are run with: results in the folder, and a cache below it."""
    return RunContext(results_dir=folder, data_root=None, cache_dir=folder / "cache", **changes)


class Ledger:
    """A listener that writes records, as a driver does, and notes what it is told and of which trial."""

    def __init__(self, store: ResultsStore) -> None:
        self.store = store
        self.events: list[tuple[str, str]] = []
        self.errors: list[str] = []

    def started(self, one: Trial) -> None:
        self.events.append(("started", one.id))

    def epoch(self, one: Trial, row) -> None:
        self.events.append(("epoch", one.id))

    def evaluated(self, one: Trial, evaluation) -> None:
        self.store.evaluated(one.id, evaluation)
        self.events.append(("evaluated", one.id))

    def finished(self, one: Trial, outcome) -> None:
        self.store.finish(one, outcome)
        self.events.append(("finished", one.id))

    def failed(self, one: Trial, error: str) -> None:
        self.events.append(("failed", one.id))
        self.errors.append(error)


def suite_text(
    models: str = "[baseline]", *, images: tuple[int, int, int] = (16, 4, 4), seeds: str = "[0]", **more: str
) -> str:
    """A suite of such trials, as YAML; what else it says is given as YAML too, `encoder` among it."""
    train, val, test = images
    lines = {
        "models": models,
        "datasets": f"[{{name: phantom, train: {train}, val: {val}, test: {test}}}]",
        "resolutions": "[64]",
        "seeds": seeds,
        "encoder": "tu-test_resnet",
        "weights": "none",
    }
    return "".join(f"{key}: {value}\n" for key, value in (lines | more).items())
