#!/usr/bin/env bash
# hydra-core 1.3.8 with omegaconf 2.3.1: `instantiate` resolves every text twice, so that an escaped
# reference is taken for a reference. OmegaConf documents \${x} for the literal text ${x}, and
# gives it back so; handed to a class by `instantiate`, the same node ends in InterpolationKeyError,
# or silently in the value of a key of that name. A text needs two rounds of escapes to arrive.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check hydra-core==1.3.8 omegaconf==2.3.1
"$folder/venv/bin/python" - <<'PY'
from hydra.utils import instantiate
from omegaconf import OmegaConf

def arrives(text):
    node = OmegaConf.create({"made": {"_target_": "types.SimpleNamespace", "text": text}, "x": "LEAKED"})
    read = OmegaConf.to_container(node, resolve=True)["made"]["text"]
    try:
        return read, instantiate(node.made).text
    except Exception as error:
        return read, type(error).__name__

seen = {"once": arrives(r"pay \${x}"), "once, no such key": arrives(r"pay \${y}"), "twice": arrives(r"pay \\\${x}")}
for name, (read, made) in seen.items():
    print(f"escaped {name}: OmegaConf reads {read!r}, instantiate gives {made!r}")
assert seen["once"] == ("pay ${x}", "pay LEAKED"), seen
assert seen["once, no such key"] == ("pay ${y}", "InterpolationKeyError"), seen
assert seen["twice"] == ("pay \\${x}", "pay ${x}"), seen
PY
echo "seen as described"
