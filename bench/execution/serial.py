"""The serial executor: one trial after the other, in this process."""

from collections.abc import Sequence
from functools import partial

from bench.errors import account
from bench.execution.agenda import Agenda
from bench.execution.context import RunContext
from bench.execution.executor import Listener
from bench.execution.trial import run_trial
from bench.results.record import Outcome
from bench.results.store import ResultsStore
from bench.suite.schema import Resources
from bench.suite.trial import Trial


class SerialExecutor:
    """Runs trials in process: for debuggers, small machines and those without Ray."""

    def run(
        self, trials: Sequence[Trial], context: RunContext, resources: Resources, listener: Listener
    ) -> None:
        """See `bench.execution.executor.Executor`; needs no resources beyond this process."""
        agenda = Agenda(trials, ResultsStore(context.results_dir))

        def finished(trial: Trial, outcome: Outcome) -> None:
            agenda.finished(trial.id)
            listener.finished(trial, outcome)

        while (trial := agenda.pop_ready()) is not None:
            listener.started(trial)
            try:
                run_trial(
                    trial,
                    context,
                    partial(listener.epoch, trial),
                    partial(finished, trial),
                    partial(listener.evaluated, trial),
                )
            except Exception as error:
                agenda.failed(trial.id)
                listener.failed(trial, account(error))
