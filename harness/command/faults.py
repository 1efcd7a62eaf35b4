"""What Hydra says of a wrong option, in one sentence."""

from __future__ import annotations

import hydra
from hydra.core.global_hydra import GlobalHydra

from harness.command.config import CONF_DIR


def sentence(error: Exception) -> str:
    """What Hydra says of a wrong option, without where it looked."""
    words = "\n".join(str(e) for e in (error, error.__cause__) if e)
    for noise in ("Config search path", "full_key:", "To append to your config", "See https:"):
        words = words.split(noise)[0]
    group = (getattr(error, "missing_cfg_file", None) or "").rpartition("/")[0]
    if group and "Available options" not in words:
        GlobalHydra.instance().clear()
        with hydra.initialize_config_dir(str(CONF_DIR), version_base="1.3"):
            names = GlobalHydra.instance().config_loader().get_group_options(group)
        words += f" Available options in {group!r}: {', '.join(names)}"
    return f"{' '.join(words.split()).rstrip('.')}; see python -m harness --help"
