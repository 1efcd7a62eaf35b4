"""A page as PDF, printed by a browser where there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from harness.types import HarnessError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")
"""Commands of browsers that print without a screen."""
SECONDS = 120
"""That a browser may take."""


def browser() -> str | None:
    """The first browser that is installed; None: none is."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def print_page(page: Path, to: Path) -> Path | None:
    """Print a page; gives the file, or None where no browser is installed.

    The page is our own and runs nothing, so that a browser of root's may do without its sandbox.

    Raises:
        HarnessError: there is a browser, and it does not print.
    """
    command = browser()
    if command is None:
        return None
    to.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        options = ["--headless", "--disable-gpu", "--no-pdf-header-footer", "--no-first-run",
                   f"--user-data-dir={profile}", f"--print-to-pdf={to.resolve()}"]  # fmt: skip
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            options.append("--no-sandbox")
        asked = [command, *options, page.resolve().as_uri()]
        try:
            done = subprocess.run(
                asked, capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise HarnessError(
                f"{command} does not print {page.name} ({error}); pdf=false"
            ) from error
    if done.returncode or not to.is_file():
        words = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise HarnessError(f"{command} does not print {page.name} ({words[0]}); pdf=false")
    return to
