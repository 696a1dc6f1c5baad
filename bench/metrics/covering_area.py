"""Covering area: the smallest share of the image that covers the region in 90% of cases.

See `bench.metrics.conformal`.
"""

from bench.metrics.conformal import ConformalArea

MEASURE = ConformalArea("cover")
