"""Where a model's files are: bundled, in a folder or a file, on a hub; an adapter's, its base's."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.models.bundled import BUNDLED, bundled_folder, bundled_weights
from harness.models.checkpoints.adapter import (
    adapter_config,
    base_named,
    check_adapter,
    check_base,
    has_tokenizer,
)
from harness.models.checkpoints.checkpoint import check_checkpoint, check_weight_files
from harness.models.gguf.conversion import gguf_folder, gguf_weights, notes_on_gguf
from harness.models.gguf.file import is_gguf
from harness.models.hf.hub import from_hub
from harness.types import HarnessError, digest_files

SMALL_FILES = ["*.json", "*.jinja", "*.model", "*.txt", "mitigation.yaml"]
READ_FILES = {".json", ".jinja", ".model", ".txt", ".safetensors", ".py"}


class Source:
    """A model by its name, and where that is an adapter of peft, its base beside it.

    Args:
        name: a bundled model, the folder of a checkpoint or an adapter, a GGUF file, or a hub id.
        revision: branch, tag or commit of a hub id; None: the newest.
        base_name: of an adapter, instead of the base that its config names.
        above: the adapters that this is a base of, one of another.
    """

    def __init__(
        self,
        name: str,
        revision: str | None,
        base_name: str | None = None,
        above: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.revision = revision
        self.base_name = base_name
        self._above = above

    @cached_property
    def base(self) -> Source | None:
        """What an adapter is merged into; None: this is no adapter.

        Raises:
            HarnessError: it is an adapter of a kind that cannot be merged, or has no base.
        """
        if self.name in BUNDLED or self.gguf:
            config: Mapping[str, Any] | None = None
        else:
            config = adapter_config(self.small_files, self.name, self._is_local)
        if config is None:
            if self.base_name:
                raise HarnessError(
                    f"backend.base={self.base_name!r} is for adapters, and model={self.name!r} is "
                    "none; leave it out"
                )
            return None
        name = self.base_name or base_named(config, self.name)
        above = (*self._above, _place(self.name))
        if _place(name) in above:
            raise HarnessError(
                f"model={self.name!r} is an adapter whose base {name!r} is, in the end, itself; "
                "give its base with backend.base=MODEL"
            )
        base = Source(name, None if self.base_name else config.get("revision"), above=above)
        if not base._is_local and Path(name).is_absolute():
            raise HarnessError(
                f"model={self.name!r} is an adapter whose base {name!r} is not here; give it with "
                "backend.base=MODEL"
            )
        return base

    @cached_property
    def folder(self) -> Path:
        """The checkpoint's folder, an adapter's base's; its small files are there."""
        return self.base.folder if self.base else self.small_files

    @cached_property
    def tokenizer_folder(self) -> Path:
        """The adapter's, where a tokenizer was saved beside it."""
        if self.base is None or has_tokenizer(self.small_files):
            return self.small_files
        return self.base.tokenizer_folder

    def weights_folder(self) -> Path:
        """The folder of the name's own weights, fetched where they are not here yet."""
        if self._is_local:
            return self.small_files
        folder = from_hub(self.name, self.revision, [*SMALL_FILES, "*.safetensors"])
        if self.base is None:
            check_weight_files(folder, self.name)
        return folder

    def check(self, trust_remote_code: bool) -> Mapping[str, Any]:
        """The config of the checkpoint, whose files are those of a model that writes text.

        Raises:
            HarnessError: it is something else, or an adapter of another base.
        """
        if self.revision and self._is_local and not self._above:
            raise HarnessError(
                f"backend.revision={self.revision!r} is of a hub id, and model={self.name!r} is "
                "here, as it is; leave it out"
            )
        if self.base:
            check_adapter(self.small_files, self.name, self._is_local)
            try:
                config = self.base.check(trust_remote_code)
            except HarnessError as error:
                raise HarnessError(
                    f"model={self.name!r} is an adapter whose base cannot be used: {error}; give "
                    "another with backend.base=MODEL"
                ) from error
            check_base(self.small_files, self.name, self.base.name, self.base.weights)
            return config
        config = check_checkpoint(self.small_files, self.name, trust_remote_code)
        if self._is_local:
            check_weight_files(self.small_files, self.name)
        return config

    @cached_property
    def weights(self) -> str:
        """What identifies the weights: a digest or a commit, an adapter's after its base's."""
        if self.name in BUNDLED:
            return bundled_weights(self.name)
        if self.gguf:
            return gguf_weights(self.gguf)
        if not self._is_local:
            identity = f"hub:{self.name}@{self.small_files.name}"
        else:
            files = [path for path in self.small_files.iterdir() if path.suffix in READ_FILES]
            identity = f"sha256:{digest_files(files)}"
        return f"{self.base.weights} + adapter {identity}" if self.base else identity

    @cached_property
    def small_files(self) -> Path:
        """The folder of the name's own small files."""
        if self.name in BUNDLED:
            return bundled_folder(self.name)
        if self.gguf:
            return gguf_folder(self.gguf)
        if self._is_local:
            return Path(self.name)
        return from_hub(self.name, self.revision, SMALL_FILES)

    @cached_property
    def gguf(self) -> Path | None:
        """The file, or a part of it, where the model is in llama.cpp's format."""
        path = Path(self.name)
        return path if self._is_local and path.is_file() and is_gguf(path) else None

    def adapted(self, rounded: bool) -> list[str]:
        """The note of an adapter.

        Args:
            rounded: whether its base's weights are quantised.
        """
        if self.base is None:
            return []
        how = "kept beside the quantised weights of" if rounded else "merged into"
        return [f"{self.name} is an adapter, {how} {self.base.name}."]

    @property
    def notes(self) -> list[str]:
        """What a reader must know of files that were converted."""
        return notes_on_gguf(self.gguf) if self.gguf else []

    @property
    def _is_local(self) -> bool:
        try:
            return self.name in BUNDLED or Path(self.name).exists()
        except OSError:  # a name that no file can have
            return False


def _place(name: str) -> str:
    """Where a name leads, so that two ways to one folder are the same."""
    return str(Path(name).resolve())
