"""Ray: the executor that runs trials on a cluster, and the watch over that.

environment       variables to set before Ray is imported
executor          trials as Tune trials, as many at once as the cluster has room for
tune_callback     passes Tune's reports on; says which trial starts next and when to stop
cluster           starting or joining a cluster, and which nodes it has
capacity          whether trials fit its nodes, also after nodes are lost
node_check        whether nodes have the same bench, results folder and data
watchdog          whether Ray's own processes live
worker_failures   why a worker died
"""
