"""Ray: the executor that runs trials on a cluster, and the watch over that.

executor          trials as Tune trials, as many at once as the cluster has room for
tune_callback     passes Tune's reports on; says which trial starts next, when to stop, why a worker died
cluster           starting or joining a cluster, and which nodes it has
lost_gpus         workers whose GPU fails, by node
capacity          whether trials fit its nodes, also after nodes are lost
node_check        whether nodes have the same bench, results folder and data, and GPUs that torch can use
watchdog          whether Ray's own processes live
"""

import os

# Quiet and local: no usage statistics, no loggers beside ours, no dashboard, no token for a private cluster.
# Ctrl-C is ours. The rest of a cluster whose driver was killed gives up soon.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "5",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "600",
}


def set_environment() -> None:
    """Sets what the user has not set; has to be called before Ray is imported."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
