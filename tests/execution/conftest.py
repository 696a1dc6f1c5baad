"""Ray's environment, before any test module imports Ray."""

from bench.execution.ray import set_environment

set_environment()
