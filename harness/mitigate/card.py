"""The card of what a method made: a README in the hub's form, and the same as YAML."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from harness.mitigate.asked import Asked
from harness.mitigate.texts import Learned
from harness.types import fingerprint, trait, weights_of

CARD = "mitigation.yaml"
"""Each line is a key and a value of JSON, so that YAML too reads it."""
README = """---
{front}
---
# {name} of {base}

{paper}

| | |
|---|---|
| method | `{name}`{method_class} |
| options | {options} |
| base | `{base}`, {weights} |
| texts | {texts}, SHA-256 `{data}` |
| seed | {seed} |
| made with | {made_with} |
{facts}

Use it as {use}.
"""


def write_card(folder: Path, asked: Asked, learned: Learned, facts: Mapping[str, object]) -> None:
    """Write README.md and the YAML beside what the method wrote."""
    identity = dict(asked.model.identity)
    record = {
        "method": asked.name,
        "method_class": str(trait(asked.method, "method_class")),
        "options": {key: value for key, value in asked.options.items() if key[0] != "_"},
        "identity": dict(asked.method.identity),
        "base": asked.model.name,
        "base_weights": weights_of(identity),
        "base_identity": identity,
        "data": list(learned.names),
        "texts": len(learned.texts),
        "left_out": learned.left_out,
        "data_sha256": learned.digest,
        "seed": asked.seed,
        "versions": _versions(),
        "facts": dict(facts),
        "question": fingerprint(asked.question(learned)),
    }
    lines = (f"{key}: {json.dumps(value)}\n" for key, value in record.items())
    (folder / CARD).write_text("".join(lines), encoding="utf-8")
    front = [f"base_model: {json.dumps(asked.model.name)}", "tags:", "- harness-mitigation",
             f"- {asked.name}"]  # fmt: skip
    if (folder / "adapter_config.json").exists():
        front.insert(0, "library_name: peft")
    options = ", ".join(f"{key} {value}" for key, value in asked.options.items() if key[0] != "_")
    (folder / "README.md").write_text(
        README.format(
            front="\n".join(front),
            name=asked.name,
            method_class=f", {record['method_class']}" if record["method_class"] else "",
            paper=asked.method.paper,
            base=asked.model.name,
            options=options or "none",
            weights=weights_of(identity),
            texts=f"{len(learned.texts)} of {', '.join(learned.names)}",
            data=learned.digest,
            seed=asked.seed,
            made_with=", ".join(f"{name} {version}" for name, version in _versions().items()),
            facts="\n".join(
                f"| {name.replace('_', ' ')} | {fact} |" for name, fact in facts.items()
            ),
            use=f"`{asked.method.use.format(out='THIS_FOLDER')}`",
        ),
        encoding="utf-8",
    )


def read_card(folder: Path) -> dict[str, object]:
    """What the YAML says.

    Raises:
        OSError: there is none.
        ValueError: it is another's.
    """
    lines = (folder / CARD).read_text(encoding="utf-8").splitlines()
    parted = (line.partition(": ") for line in lines)
    return {key: json.loads(value) for key, _, value in parted}


def _versions() -> dict[str, str]:
    names = ("torch", "transformers", "peft")
    known = {name: version(name) for name in names if _is_installed(name)}
    return {"python": platform.python_version(), **known}


def _is_installed(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None
