"""Pages as headless Chromium renders them, and what it says on its console."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

_RENDER_MS = 30_000
"""Of the browser's own clock, which runs ahead while nothing happens."""

_HARMLESS = ("AG Grid: since", "ResizeObserver loop")
"""Said by MLflow's own table and by the browser, on pages in order too."""


@dataclass(frozen=True)
class Page:
    """A page after its scripts ran.

    Attributes:
        text: its document.
        complaints: what was said on the console and is not known to be harmless.
    """

    text: str
    complaints: list[str]


def render(url: str, profile: Path) -> Page:
    """Returns the page at `url`.

    Args:
        url: of a server on this machine.
        profile: an empty or missing folder; what a browser remembers of one page changes the next.
    """
    assert CHROMIUM is not None
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
    command += ["--window-size=1900,1300", "--enable-logging=stderr", f"--virtual-time-budget={_RENDER_MS}"]
    done = subprocess.run(
        [*command, "--dump-dom", url], capture_output=True, text=True, timeout=120, check=True
    )
    said = re.findall(r"CONSOLE[:(]\d+\)?\] (.*)", done.stderr)
    return Page(done.stdout, [line for line in said if not any(word in line for word in _HARMLESS)])
