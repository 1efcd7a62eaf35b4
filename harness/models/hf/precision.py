"""In which numbers a model is held and computed: its dtype, and whether its weights are rounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.models.checkpoints.quantised import check_quantised, quantisation, scheme
from harness.types import HarnessError

DTYPES = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Precision:
    """What the options say of a model's numbers."""

    dtype: str = "auto"
    """`auto`: what the checkpoint holds, but choices are weighed in float32."""
    quantize: str | None = None
    """The scheme that plain weights are rounded by when they are read; None: by none."""
    loader: str = "transformers"
    """What reads them: `transformers` or `vllm`."""

    def check(self, config: Mapping[str, Any], name: str) -> None:
        """Refuse what cannot be had of a checkpoint.

        Raises:
            HarnessError: there is no such dtype or scheme, or a package is missing.
        """
        if self.dtype not in DTYPES:
            raise HarnessError(f"backend.dtype={self.dtype!r} is not one of {', '.join(DTYPES)}")
        check_quantised(config, self.quantize, name, self.loader)

    def is_rounded(self, config: Mapping[str, Any]) -> bool:
        """Whether weights are quantised."""
        return bool(self.quantize or quantisation(config))

    def identity(self, config: Mapping[str, Any]) -> dict[str, str]:
        """The dtype of answers, that of choices where it is another, and the scheme."""
        written, weighed = self.written(config), self.weighed(config)
        identity = {"dtype": written}
        if weighed != written:
            identity["choices_dtype"] = weighed
        if rounded := scheme(config, self.quantize):
            identity["quantisation"] = rounded
        return identity

    def written(self, config: Mapping[str, Any]) -> str:
        """The dtype in which answers are written."""
        if self.dtype != "auto":
            return self.dtype
        text = config.get("text_config") or {}
        named = (record.get(key) for record in (config, text) for key in ("dtype", "torch_dtype"))
        return str(next(filter(None, named), "float32"))

    def weighed(self, config: Mapping[str, Any]) -> str:
        """The dtype in which choices are weighed; of quantised weights as answers are written."""
        plain = self.dtype == "auto" and not self.is_rounded(config)
        return "float32" if plain else self.written(config)
