"""What Hydra says of a wrong option, in one sentence that names the option and where help is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

import hydra
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from harness.command.config import CONF_DIR

UNKNOWN = re.compile(r"Could not override '([^']+)'")
UNMERGED = re.compile(r"Error merging override (\S+=.*?) ((?:field|Value|Invalid|Cannot) .*)")
NAMELESS = "Config group override must be a string or a list"
"""What Hydra says where a group is given something else than a name; of which group, it does not
say."""
NO_NAME = re.compile(r"\+*([\w/]+)(?:@[\w.]*)?=(null|none|true|false|[\d.]+)", re.IGNORECASE)
FEW = 12
"""Names of options that are listed where none is near."""


def sentence(error: Exception, config: str = "config", overrides: Sequence[str] = ()) -> str:
    """What Hydra says of a wrong option, without where it looked.

    Args:
        error: that Hydra raised.
        config: the name of the command's YAML.
        overrides: that were to be composed, for names that are near; none where it is not known.
    """
    words = "\n".join(str(e) for e in (error, error.__cause__) if e)
    for noise in ("Config search path", "full_key:", "To append to your config", "See https:"):
        words = words.split(noise)[0]
    words = " ".join(words.split()).rstrip(".")
    group = (getattr(error, "missing_cfg_file", None) or "").rpartition("/")[0]
    if group and "Available options" not in words:
        words += f" Available options in {group!r}: {', '.join(_options(group))}"
    elif (unknown := UNKNOWN.fullmatch(words)) is not None:
        words = f"there is no option {unknown[1]!r}{_beside(unknown[1], config, overrides)}"
    elif (unmerged := UNMERGED.fullmatch(words)) is not None:
        empty = unmerged[2].startswith("field") and "is not Optional" in unmerged[2]
        advice = "it must have a value; leave it out for the usual one"
        words = f"{unmerged[1]}: {advice if empty else unmerged[2]}"
    elif NAMELESS in words:
        words = _nameless(overrides) or words
    return f"{words}; see {command_of(config)} --help"


def command_of(config: str) -> str:
    """How a command is called, by its YAML: `python -m harness.leaderboard`."""
    try:
        cfg = OmegaConf.load(CONF_DIR / f"{config}.yaml")
        return str(OmegaConf.select(cfg, "hydra.help.app_name") or "python -m harness")
    except (OSError, OmegaConfBaseException):
        return "python -m harness"


def _beside(key: str, config: str, overrides: Sequence[str]) -> str:
    """The options that there are where one is not, by the same overrides without it."""
    remaining = [part for part in overrides if part.lstrip("+~").partition("=")[0] != key]
    if len(remaining) == len(overrides):
        return ""
    above, _, name = key.rpartition(".")
    try:
        cfg = hydra.compose(config, remaining)
        node = OmegaConf.select(cfg, above) if above else cfg
        names = sorted(str(other) for other in node if not str(other).startswith("_"))
    except Exception:  # noqa: BLE001 - more is wrong, and is said once this is mended
        return ""
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return f"; nearest are {', '.join(near)}"
    listed = f"{', '.join(names[:FEW])}{' ...' * (len(names) > FEW)}"
    return f"; {above or 'there'} {'has' if above else 'are'} {listed}" if names else ""


def _nameless(overrides: Sequence[str]) -> str | None:
    """What is said of the groups that are given no name; None: none is found."""
    for override in overrides:
        match = NO_NAME.fullmatch(override)
        if match and (names := _options(match[1])):
            return (
                f"{override}: {match[1]} is chosen by name ({', '.join(names)}); leave it out for "
                "the usual one"
            )
    return None


def _options(group: str) -> list[str]:
    """The names in a group of the configuration."""
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        names: list[str] = GlobalHydra.instance().config_loader().get_group_options(group)
    return names
