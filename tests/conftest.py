"""What all tests share."""

import os

# Workers of pytest-xdist are there to share the cores: one thread each. Trials fix their own number anyway.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
