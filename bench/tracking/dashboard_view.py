"""How the dashboard shows an experiment: parents with their trials below, and the columns that matter.

MLflow keeps such a view in a tag of the experiment, and a link names it. By itself its list of runs shows no
score, and newer dashboards open every experiment as one of language models.
"""

import json
from urllib.parse import quote, urlencode

from bench.suite.metrics import METRICS, WEIGHTED

_NAME = "bench"

VIEW_TAG = f"mlflow.sharedViewState.{_NAME}"

_SCORES = [f"metrics.`{metric.key(WEIGHTED)}`" for metric in METRICS.values()]

VIEW = json.dumps(
    {
        "selectedColumns": [
            "attributes.`Created`",
            "attributes.`Duration`",
            *_SCORES,
            "metrics.`best_epoch`",
            "tags.`model`",
            "tags.`seed`",
        ]
    }
)

_TRAINING = {"workflowType": "machine_learning"}


def runs_link(experiment_id: str) -> str:
    """Returns where the dashboard lists the experiment's runs in that view."""
    return _link(experiment_id, {"viewStateShareKey": _NAME})


def charts_link(experiment_id: str, condition: str) -> str:
    """Returns where the dashboard compares runs: sorted by a metric, it does not nest them.

    Args:
        experiment_id: of the runs.
        condition: that they meet, in MLflow's words.
    """
    wanted = {
        "searchFilter": condition,
        "orderByKey": _SCORES[0],
        "orderByAsc": "false",
        "compareRunsMode": "CHART",
    }
    return _link(experiment_id, wanted)


def _link(experiment_id: str, wanted: dict[str, str]) -> str:
    return f"#/experiments/{experiment_id}/runs?{urlencode(wanted | _TRAINING, quote_via=quote)}"
