"""Ray: the executor that runs trials on a cluster, and what watches over it.

environment       what has to be set before Ray is imported
executor          trials as Tune trials, as many at once as the cluster has room for
tune_callback     what Tune reports, passed on to the run's listener; which trial starts next; when to stop
cluster           starting or joining a cluster, and which nodes it has
capacity          whether trials fit its nodes, also after nodes are lost
node_check        whether nodes have the same bench, results folder and data
watchdog          whether Ray's own processes live
worker_failures   why a worker died
"""
