"""`import bench` offers the API and costs nothing before one of its functions is used."""

import subprocess
import sys

import pytest

import bench
from bench import api


def test_importing_bench_imports_nothing_heavy():
    code = (
        "import sys, bench, bench.api; dir(bench); dir(bench.api);"
        "heavy = {'torch', 'ray', 'mlflow', 'pandas', 'numpy', 'scipy', 'pydantic', 'cv2', 'rich'};"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_bench_offers_what_its_api_offers_and_nothing_else():
    assert bench.__all__ == api.__all__ == sorted(api.__all__)
    for name in api.__all__:
        assert getattr(bench, name) is getattr(api, name)
        assert name in dir(bench)
        assert name in dir(api)
    for module in (bench, api):
        with pytest.raises(AttributeError, match="no attribute 'train'"):
            _ = module.train


def test_reading_and_planning_import_neither_torch_nor_ray_nor_mlflow():
    code = (
        "import sys, bench;"
        "bench.load_suite, bench.plan, bench.read_results, bench.report, bench.compare, bench.rescore;"
        "print(sorted({'torch', 'ray', 'mlflow'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
