"""Samples CPU, memory and GPU of this machine for the MLflow runs of the trials that run on it.

MLflow's own samplers do it. Its monitor is made for one run in that run's process; here trials share a
machine and are mirrored by the driver, so one thread samples and writes to every run that is open.
"""

import logging
import os
import threading
import time
from collections.abc import Mapping
from typing import Any

from mlflow.entities import Metric
from mlflow.environment_variables import MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

log = logging.getLogger(__name__)

SAMPLING_INTERVAL_S = 15.0
"""Between samples, unless ``MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL`` says otherwise."""

_SWITCH = "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"
"""MLflow's own: false turns it off. Here it is on by default."""

_PREFIX = "system/"
"""Where the dashboard looks for such metrics."""


class SystemMetrics:
    """A thread that samples while any run is open. An error in it costs no more than samples."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client
        self._steps: dict[str, int] = {}  # of the open runs, by id: the next sample's
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self, run_id: str) -> None:
        """Samples for the run from now on; after an interruption, after the samples that it has."""
        if os.environ.get(_SWITCH, "true").lower() in ("false", "0"):
            return
        history = self._client.get_metric_history(run_id, _PREFIX + "cpu_utilization_percentage")
        with self._lock:
            self._steps[run_id] = max((metric.step + 1 for metric in history), default=0)
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._sample, name="SystemMetrics", daemon=True)
            self._thread.start()

    def close(self, run_id: str) -> None:
        """Leaves the run alone from now on; with the last one the thread ends."""
        with self._lock:
            self._steps.pop(run_id, None)
            is_last = not self._steps
        if is_last:
            self.stop()

    def stop(self) -> None:
        """Ends the thread, whatever is open."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._steps.clear()

    def _sample(self) -> None:
        try:
            samplers = _samplers()
            given_s = MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL.get()  # type: ignore[no-untyped-call]
            interval_s = given_s or SAMPLING_INTERVAL_S
            wait_s = min(1.0, interval_s)
            for sampler in samplers:  # the load of the CPU is that since it was last asked for
                _values(sampler)
            while not self._stop.wait(wait_s):
                self._log({name: value for sampler in samplers for name, value in _values(sampler)})
                wait_s = interval_s
        except Exception as error:  # of libraries that ask the system, in whatever way it is odd
            log.debug("no more system metrics: %s", error)

    def _log(self, values: Mapping[str, float]) -> None:
        now_ms = int(time.time() * 1000)
        with self._lock:
            steps = dict(self._steps)
            self._steps.update({run_id: step + 1 for run_id, step in steps.items()})
        for run_id, step in steps.items():
            metrics = [Metric(_PREFIX + key, value, now_ms, step) for key, value in values.items()]
            try:
                self._client.log_batch(run_id, metrics=metrics)
            except (MlflowException, OSError) as error:
                log.debug("no system metrics of run %s: %s", run_id, error)


def _samplers() -> list[Any]:
    """Returns the samplers of CPU and memory, and of GPUs if there are any."""
    # Imported here: they look for psutil and for libraries of GPUs.
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
    from mlflow.system_metrics.metrics.rocm_monitor import ROCMMonitor

    samplers: list[Any] = [CPUMonitor()]  # type: ignore[no-untyped-call]
    for kind in (GPUMonitor, ROCMMonitor):
        try:
            samplers.append(kind())
        except Exception as error:  # its library is not there, or finds none
            log.debug("no metrics of GPUs by %s: %s", kind.__name__, error)
    return samplers


def _values(sampler: Any) -> list[tuple[str, float]]:
    sampler.collect_metrics()
    values = list(sampler.aggregate_metrics().items())
    sampler.clear_metrics()
    return values
