"""Ray: the executor that runs trials on a cluster, and everything that watches it."""
