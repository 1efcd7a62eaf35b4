"""Pages that open offline: templates that escape, one table component, nothing from a network."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from math import isinf
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from harness.show.figures import Drawn
from harness.types import isolated, visible


def page(template: str, script: str, data: object, **context: Any) -> str:
    """A page as HTML; the template escapes all that it is given.

    Args:
        template: its file in this folder.
        script: its file in this folder; it finds the class `DataTable` and what is in tables.js.
        data: what the script reads, as JSON.
        context: what the template shows.
    """
    own_code = f"const DataTable = harnessTable;\n{_asset('tables.js')}{_asset(script)}"
    code = f"{_component()}\n{{\n{own_code}}}\n"
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    return (
        _templates()
        .get_template(template)
        .render(
            script=Markup(code),
            policy=f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
            f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
            style=Markup(_own_style()),
            data=_embedded(data),
            **context,
        )
    )


def worst_end(better: str | None) -> float | None:
    """1 where the highest value is the worst, -1 where the lowest is; None: neither, or none."""
    return {"lower": 1.0, "higher": -1.0}.get(better or "")


def picture(drawn: Drawn) -> dict[str, str]:
    """A figure as the page holds it: in an image, where a picture runs nothing."""
    light, dark = (_as_address(path) for path in (drawn.svg, drawn.dark))
    return {"name": drawn.name, "light": light, "dark": dark}


def _as_address(path: Path) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _embedded(data: object) -> Markup:
    """JSON that nothing in it can end: all ASCII, without a sign that HTML gives a meaning."""
    text = json.dumps(_with_infinities(data), separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _with_infinities(data: object) -> object:
    """The data with "inf" and "-inf" as tables write an end without a bound; JSON has none."""
    if isinstance(data, Mapping):
        return {key: _with_infinities(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_with_infinities(value) for value in data]
    return str(data) if isinstance(data, float) and isinf(data) else data


def _seen(value: object) -> object:
    """A sentence as a template shows it; see `isolated` and `visible`."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return isolated(visible(value))


def _written(text: str) -> Markup:
    """A text as somebody wrote it, whose element has its direction: only the unseen written out."""
    return escape(visible(text))


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("harness.show.html", "."),
        autoescape=True,
        finalize=_seen,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["written"] = _written
    return environment


@cache
def _component() -> str:
    """DataTables, which comes in the package itables as a module with one list of exports."""
    code = files("itables").joinpath("html/dt_bundle.js").read_text(encoding="utf-8")
    exported = re.search(r"export\s*\{[^}]*?([\w$]+) as default[^}]*\};?", code)
    if exported is None or "</script" in code:
        raise RuntimeError("the table component of itables is not as it was; pin another version")
    code = code.replace(exported[0], f"const harnessTable = {exported[1]};")
    return code.replace("<!--", r"\x3c!--")  # in a script of a page that begins a comment


@cache
def _own_style() -> str:
    css = files("itables").joinpath("html/dt_bundle.css").read_text(encoding="utf-8")
    return f"{css}\n{_asset('page.css')}"


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
