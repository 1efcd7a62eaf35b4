"""`python -m harness.runs.cache`: what the cache holds, and how it is emptied.

python -m harness.runs.cache
python -m harness.runs.cache remove=gguf-0123456789ab-1
python -m harness.runs.cache remove=all
"""

from __future__ import annotations

from dataclasses import dataclass

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

from harness.command import command_line


@dataclass
class CacheConfig:
    """Everything that `python -m harness.runs.cache` takes."""

    remove: str | None = None


def main() -> None:
    """`python -m harness.runs.cache`."""
    ConfigStore.instance().store(name="cache_schema", node=CacheConfig)
    command_line("cache", _work)


def _work(cfg: DictConfig) -> int:
    from harness.runs.cache.copies import copies, remove

    if cfg.remove is not None:
        freed = remove(str(cfg.remove))
        print(f"removed: {freed / 2**20:,.0f} MB; it is converted again when it is next asked")
        return 0
    held = copies()
    for copy in held:
        print(f"{copy.bytes / 2**20:8,.0f} MB  {copy.name}  {copy.of}")
    print(f"{sum(copy.bytes for copy in held) / 2**20:8,.0f} MB in {len(held)} converted models")
    return 0


if __name__ == "__main__":
    main()
