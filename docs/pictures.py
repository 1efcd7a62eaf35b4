"""Makes the README's pictures from the pages of real runs, in a browser that is installed.

    python docs/pictures.py RUN results/leaderboard results/regression

A run's folder, the leaderboard's and the gate's, which has a history as well: `report.png`,
`leaderboard.png`, `regression.png` and `history.png` are written beside this file. Needs playwright
(`pip install ".[test]"`) and Chromium.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

HERE = Path(__file__).resolve().parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 1280, 1500


def main() -> None:
    """Take a picture of each page."""
    parser = argparse.ArgumentParser(description="The README's pictures, from real runs")
    parser.add_argument("run", type=Path, help="folder of a run with its report.html")
    parser.add_argument("leaderboard", type=Path, help="folder of the leaderboard's index.html")
    parser.add_argument("regression", type=Path, help="folder of a verdict and a history")
    args = parser.parse_args()
    pages = {
        "report": args.run / "report.html",
        "leaderboard": args.leaderboard / "index.html",
        "regression": args.regression / "regression.html",
        "history": args.regression / "history.html",
    }
    for name, page in pages.items():
        print(take(page, HERE / f"{name}.png"))


def take(page: Path, picture: Path) -> Path:
    """Save the top of a page, with its table drawn; gives the picture's path."""
    from playwright.sync_api import sync_playwright

    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        raise SystemExit(f"none of {', '.join(BROWSERS)} is installed")
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        tab = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        tab.goto(page.resolve().as_uri())
        tab.wait_for_selector("table tbody tr")
        tab.screenshot(path=picture)
        chromium.close()
    return picture


if __name__ == "__main__":
    main()
