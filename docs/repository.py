"""For mkdocs: the README as the first page, and cards that stand beside the code as further ones.

A page links to files of the repository by relative paths, as GitHub follows them; here those links
are turned to where the same files stand on the site.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(?<=\]\()(?!https?://|#)([^)#\s]+)")
CARDS = (
    "tasks/*/README.md",
    "harness/scorers/**/*.md",
    "harness/mitigations/**/*.md",
    "results/README.md",
    "notebooks/README.md",
)


def on_files(files: Files, config: Any) -> Files:
    """Add the README and the cards to the site."""
    for path in [ROOT / "README.md", *(path for pattern in CARDS for path in ROOT.glob(pattern))]:
        place = place_of(PurePosixPath(path.relative_to(ROOT).as_posix()))
        files.append(File.generated(config, place, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links to files of the repository into links within the site."""
    here = PurePosixPath(page.file.src_uri)
    source = Path(page.file.abs_src_path).parent

    def turned(link: re.Match[str]) -> str:
        target = (source / link[1]).resolve()
        if not target.is_relative_to(ROOT):
            return link[1]  # mkdocs says that it leads nowhere
        place = place_of(PurePosixPath(target.relative_to(ROOT).as_posix()))
        return os.path.relpath(place, here.parent)

    return LINK.sub(turned, markdown)


def place_of(path: PurePosixPath) -> str:
    """Where a file of the repository stands on the site."""
    if path.parts[0] == "docs":
        return str(path.relative_to("docs"))
    if str(path) == "README.md":
        return "index.md"
    return str(path.with_name("card.md") if path.name == "README.md" else path)
