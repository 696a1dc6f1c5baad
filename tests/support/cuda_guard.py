"""The library of `cuda_guard.cpp`: compiled for the installed torch, loaded before torch is.

It cannot be loaded later: the first of torch's calls that asks for CUDA's hooks keeps the answer.
"""

import ctypes
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_name("cuda_guard.cpp")


def why_not() -> str | None:
    """Returns why no CUDA can be pretended here, or None where it can."""
    if shutil.which("g++") is None:
        return "no g++ to compile a pretended CUDA device with"
    if any((_torch_folder() / "lib").glob("libtorch_cuda*")):
        return "torch is a build for CUDA, whose own device cannot be replaced by a pretended one"
    return None


def compile_guard(folder: Path) -> Path:
    """Returns the library, compiled into `folder`: seconds."""
    torch, library = _torch_folder(), folder / "cuda_guard.so"
    includes = [f"-I{torch / 'include'}", f"-I{torch / 'include/torch/csrc/api/include'}"]
    libraries = [f"-L{torch / 'lib'}", "-ltorch_cpu", "-lc10", f"-Wl,-rpath,{torch / 'lib'}"]
    flags = ["-std=c++20", "-O0", "-shared", "-fPIC"]
    command = ["g++", *flags, *includes, str(SOURCE), "-o", str(library), *libraries]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return library


def load_guard(library: Path) -> None:
    """Registers the device in this process."""
    assert "torch" not in sys.modules, "too late: torch is imported"
    ctypes.CDLL(str(library))


def _torch_folder() -> Path:
    """Returns torch's folder without importing it."""
    spec = importlib.util.find_spec("torch")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])
