"""What is tuned of a model, an adapter or all weights, and how it is written."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.mitigations.fitting.method import Fit
from harness.models.bundled import BUNDLED
from harness.types import HarnessError

if TYPE_CHECKING:
    import torch

    from harness.mitigations.fitting.base import Base
    from harness.mitigations.fitting.training import Course, Training


@dataclass(frozen=True)
class Tuning:
    """How a method tunes: its course, and its adapter if it has one.

    Args:
        course: rate, epochs and batch, as `Course` has them.
        lora: peft's options of a LoRA adapter; None: all weights are trained.
    """

    course: Mapping[str, Any]
    lora: Mapping[str, Any] | None

    @property
    def identity(self) -> Mapping[str, str]:
        """Both, as JSON."""
        lora = "none: all weights" if self.lora is None else json.dumps(dict(self.lora))
        return {"course": json.dumps(dict(self.course)), "lora": lora}

    def of_course(self) -> Course:
        """The course.

        Raises:
            HarnessError: it has other options than it should.
        """
        from harness.mitigations.fitting.training import Course

        try:
            return Course(**self.course)
        except TypeError as error:
            raise HarnessError(
                f"method.course={dict(self.course)} must have rate, epochs, batch"
            ) from error

    def begin(self, fit: Fit) -> Tuned:
        """The model, with a fresh adapter where there is to be one.

        Raises:
            HarnessError: peft is not installed, or an option of the adapter does not fit the model.
        """
        import torch

        from harness.mitigations.fitting.base import Base

        self.of_course()
        peft = self._peft()
        base = Base(fit.model)
        if peft is None:
            return Tuned(base, None)
        base.network.requires_grad_(False)
        torch.manual_seed(fit.seed)
        try:
            config = peft.LoraConfig(task_type="CAUSAL_LM", **(self.lora or {}))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)
                adapted = peft.get_peft_model(base.network, config)
        except (TypeError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise HarnessError(
                f"method.lora={dict(self.lora or {})} does not fit: {reason}"
            ) from error
        config.base_model_name_or_path = _lasting(fit.model.name)
        config.revision = fit.model.revision
        return Tuned(base, adapted)

    def _peft(self) -> Any:
        if self.lora is None:
            return None
        try:
            import peft
        except ImportError as error:
            raise HarnessError(
                "method.lora= needs peft: pip install 'harness[mitigate]', or train all weights "
                "with method.lora=null"
            ) from error
        return peft


class Tuned:
    """A model that is being tuned.

    Args:
        base: the model; an adapter acts inside it.
        adapted: peft's, around it; None: all weights are trained.
    """

    def __init__(self, base: Base, adapted: Any) -> None:
        self.base = base
        self.adapted = adapted

    @property
    def trained(self) -> dict[str, torch.nn.Parameter]:
        """What is learned, by name."""
        network = self.adapted or self.base.network
        return {n: p for n, p in network.named_parameters() if p.requires_grad}

    def train(
        self, tuning: Tuning, fit: Fit, examples: int, loss: Callable[..., Iterator[Any]],
        active: Callable[[], Any] | None = None,
    ) -> Training:  # fmt: skip
        """Train by a loss to the end of the course."""
        from harness.mitigations.fitting.training import Training

        training = Training(self.trained, tuning.of_course(), fit, active)
        self.base.network.train()
        training.run(examples, loss)
        self.base.network.eval()
        return training

    @cached_property
    def _copy(self) -> Any:
        """The network as it was before anything was trained; made by `remember`."""
        return deepcopy(self.base.network).eval().requires_grad_(False)

    def remember(self) -> None:
        """Keep the weights as they are, where they themselves will be trained."""
        if self.adapted is None:
            _ = self._copy

    @contextmanager
    def untuned(self) -> Iterator[Base]:
        """The model as it was before it was tuned, after `remember`."""
        import torch

        with torch.no_grad():
            if self.adapted is not None:
                with self.adapted.disable_adapter():
                    yield self.base
                return
            now, self.base.network = self.base.network, self._copy
            try:
                yield self.base
            finally:
                self.base.network = now

    def save(self, folder: Path) -> None:
        """Write the adapter, or the whole checkpoint."""
        if self.adapted is None:
            self.base.save(folder)
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.adapted.save_pretrained(folder, save_embedding_layers=False)


def _lasting(name: str) -> str:
    """The name by which the base is found from any folder."""
    is_folder = name not in BUNDLED and Path(name).exists()
    return str(Path(name).resolve()) if is_folder else name
