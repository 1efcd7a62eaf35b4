"""Trains some of a model's weights: the same on every call, and the same after a kill."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from harness.mitigations.fitting.method import Fit
from harness.types import HarnessError

STATE = "training.safetensors"
SAVE_SECONDS = 90.0
"""After so long what has been learned is kept, so that a kill loses no more than that."""
WARM = 0.1
"""Part of the steps in which the learning rate rises; it falls along a cosine after that."""
NORM = 1.0
"""Gradients that are longer are shortened to this."""
LINES = 20
"""Lines of progress."""

Loss = Callable[[Sequence[int]], Iterator[torch.Tensor]]
"""From numbers of examples to the parts of the loss to make smaller, which is their sum; each part
is differentiated, and its memory given back, before the next is asked for."""


@dataclass(frozen=True)
class Course:
    """How long and how fast is trained."""

    rate: float
    """The highest learning rate, of AdamW without decay."""
    epochs: float
    """How often each example is seen."""
    batch: int
    """Examples of a step."""

    def __post_init__(self) -> None:
        """Refuse numbers that train nothing."""
        if self.rate <= 0 or self.epochs <= 0 or self.batch < 1:
            raise HarnessError(
                f"method.course: rate={self.rate}, epochs={self.epochs} and batch={self.batch} "
                "must be above 0"
            )

    def steps(self, examples: int) -> int:
        """How many steps there are with so many examples."""
        return max(1, math.ceil(self.epochs * math.ceil(examples / self.batch)))

    def rate_at(self, step: int, steps: int) -> float:
        """The learning rate of a step."""
        warm = max(1, round(WARM * steps))
        if step < warm:
            return self.rate * (step + 1) / warm
        return self.rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))

    def batches(self, examples: int, seed: int) -> Iterator[list[int]]:
        """Numbers of examples for each step, in an order that seed and epoch decide."""
        remaining = self.steps(examples)
        epoch = 0
        while remaining > 0:
            order = list(range(examples))
            random.Random(f"{seed} {epoch}").shuffle(order)
            for first in range(0, examples, self.batch):
                if remaining > 0:
                    yield order[first : first + self.batch]
                remaining -= 1
            epoch += 1


class Training:
    """Trains parameters by a loss, step by step.

    Args:
        trained: by name what is learned; the rest of the model is left alone.
        course: how long and how fast.
        fit: whose seed, folder and lines of progress these are.
        active: says, once there are gradients, which names are trained in this step; None: all.
    """

    def __init__(
        self,
        trained: Mapping[str, torch.nn.Parameter],
        course: Course,
        fit: Fit,
        active: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        self.trained = trained
        self.course = course
        self.fit = fit
        self.active = active
        self.losses: list[float] = []
        self._moments: dict[str, torch.Tensor] = {}
        self._counts: dict[str, int] = {}

    def run(self, examples: int, loss: Loss) -> None:
        """All steps that are left; returns at once where only a forecast is asked for."""
        steps = self.course.steps(examples)
        begun = self._resume()
        if begun:
            self.fit.log(f"goes on from step {begun} of {steps}")
        started = saved = time.monotonic()
        for step, numbers in enumerate(self.course.batches(examples, self.fit.seed)):
            if step < begun:
                continue
            self._step(step, steps, numbers, loss)
            now = time.monotonic()
            if step == begun:
                minutes = (now - started) * (steps - step - 1) / 60
                self.fit.log(f"{steps} steps of {self.course.batch}; about {minutes:.1f} min left")
                if self.fit.forecast:
                    return
            elif (step + 1) % max(1, steps // LINES) == 0 or step + 1 == steps:
                recent = self.losses[-max(1, steps // LINES) :]
                mean = sum(recent) / len(recent)
                minutes = (now - started) / (step + 1 - begun) * (steps - step - 1) / 60
                self.fit.log(f"step {step + 1} of {steps}, loss {mean:.4f}, {minutes:.1f} min left")
            if now - saved > SAVE_SECONDS:
                self.save(step + 1)
                saved = time.monotonic()

    @property
    def facts(self) -> dict[str, object]:
        """What a card says of it."""
        tenth = max(1, len(self.losses) // 10)
        first, last = self.losses[:tenth], self.losses[-tenth:]
        return {
            "steps": len(self.losses),
            "trained_weights": sum(parameter.numel() for parameter in self.trained.values()),
            "loss_of_the_first_tenth": round(sum(first) / len(first), 4),
            "loss_of_the_last_tenth": round(sum(last) / len(last), 4),
        }

    def save(self, done: int) -> None:
        """Keep what is learned so far, to go on from."""
        tensors = {
            f"weight {name}": tensor.detach().contiguous() for name, tensor in self.trained.items()
        }
        record = {"done": done, "losses": self.losses, "counts": self._counts}
        path = self.fit.state / STATE
        partial = path.with_suffix(".partial")
        save_file({**tensors, **self._moments}, partial, {"state": json.dumps(record)})
        partial.replace(path)

    def _step(self, step: int, steps: int, numbers: Sequence[int], loss: Loss) -> None:
        torch.manual_seed(self.fit.seed * 1_000_003 + step)  # of what is dropped out in this step
        for parameter in self.trained.values():
            parameter.grad = None
        value = 0.0
        for part in loss(numbers):
            torch.autograd.backward(part)
            value += float(part.detach())
        if not math.isfinite(value):
            raise HarnessError(f"the loss of step {step + 1} is {value}; lower method.course.rate")
        names = list(self.trained) if self.active is None else list(self.active())
        chosen = [self.trained[name] for name in names if self.trained[name].grad is not None]
        torch.nn.utils.clip_grad_norm_(chosen, NORM)
        rate = self.course.rate_at(step, steps)
        for name in names:
            self._update(name, rate)
        self.losses.append(value)

    @torch.no_grad()
    def _update(self, name: str, rate: float) -> None:
        """Adam's step (Kingma and Ba 2015), with beta .9 and .999, epsilon 1e-8, no decay.

        Written out, because its state is kept in safetensors and steps are counted by weight: one
        that was not trained in a step keeps its moments as they were.
        """
        parameter = self.trained[name]
        if parameter.grad is None:
            return
        gradient = parameter.grad.float()
        first = self._moments.setdefault(f"first {name}", torch.zeros_like(gradient))
        second = self._moments.setdefault(f"second {name}", torch.zeros_like(gradient))
        self._counts[name] = count = self._counts.get(name, 0) + 1
        first.mul_(0.9).add_(gradient, alpha=0.1)
        second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        spread = (second / (1 - 0.999**count)).sqrt_().add_(1e-8)
        parameter.addcdiv_(first, spread, value=-rate / (1 - 0.9**count))

    def _resume(self) -> int:
        """Take up what an earlier call kept; gives the number of steps that are done."""
        path = self.fit.state / STATE
        if not path.is_file() or self.fit.forecast:
            return 0
        record = _record(path)
        tensors = load_file(path)
        with torch.no_grad():
            for name, parameter in self.trained.items():
                parameter.copy_(tensors.pop(f"weight {name}"))
        self._moments = {
            name: tensor.to(next(iter(self.trained.values())).device)
            for name, tensor in tensors.items()
        }
        self.losses, self._counts = record["losses"], record["counts"]
        return int(record["done"])


def _record(path: Path) -> dict[str, Any]:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        record: dict[str, Any] = json.loads(file.metadata()["state"])
    return record
