"""Affine maps, one after each layer, fitted together so that toxic texts pass on what others do.

LinEAS (Rodriguez et al. 2025, arXiv 2503.10679): what is minimised is the sum over layers of the
distance between the distributions of toxic texts' states, all maps acting, and of other texts'
states without; maps are kept sparse by proximal steps.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from harness.mitigations.steering.contrast import Contrast
from harness.mitigations.steering.directions import longest_of
from harness.mitigations.steering.residual import Change, Residual
from harness.types import HarnessError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """How maps are fitted."""

    steps: int = 60
    rate: float = 0.02
    """Of Adam, at its highest."""
    lasso: float = 0.1
    """Penalty on each coordinate's part in a map."""
    group: float = 0.01
    """Penalty on each layer's map as a whole."""
    slices: int = 0
    """Random directions beside the coordinates, drawn anew each step."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse numbers that fit nothing."""
        counts = isinstance(self.steps, int) and isinstance(self.slices, int)
        least = min(self.lasso, self.group, self.slices)
        if not counts or self.steps < 1 or not 0 < self.rate < math.inf or not least >= 0:
            raise HarnessError(
                f"mitigation.fit: steps={self.steps} and rate={self.rate} must be above 0, and "
                f"lasso={self.lasso}, group={self.group} and slices={self.slices} at least 0; "
                "steps and slices are whole numbers"
            )


class Maps:
    """Affine maps of all coordinates of some layers, in units of their spread.

    Args:
        middles: of each layer the mean state that is mapped, shape (width,).
        spreads: of each layer one number, the states' usual distance from it in a coordinate.
    """

    def __init__(
        self, middles: Mapping[int, torch.Tensor], spreads: Mapping[int, torch.Tensor]
    ) -> None:
        self.middles, self.spreads = middles, spreads
        self.scales = {n: torch.ones_like(m).requires_grad_() for n, m in middles.items()}
        self.shifts = {n: torch.zeros_like(m).requires_grad_() for n, m in middles.items()}

    def affine(self, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        """What states are multiplied by and what is then added: 1 and 0 where nothing moved."""
        scale, middle = self.scales[layer], self.middles[layer]
        return scale, middle - scale * middle + self.spreads[layer] * self.shifts[layer]

    @property
    def parameters(self) -> list[torch.Tensor]:
        """All that is fitted."""
        return [*self.scales.values(), *self.shifts.values()]

    @torch.no_grad()
    def shrink(self, lasso: float, group: float) -> None:
        """The proximal step of the sparse group lasso: towards the map that changes nothing."""
        for numbers, neutral in ((self.scales, 1.0), (self.shifts, 0.0)):
            for moved in numbers.values():
                away = moved - neutral
                away = away.sign() * (away.abs() - lasso).clamp(min=0)
                norm = away.norm()
                keep = (1 - group * math.sqrt(len(away)) / norm).clamp(min=0) if norm > 0 else 0.0
                moved.copy_(neutral + keep * away)


def distance(
    ours: torch.Tensor, theirs: torch.Tensor, slices: int = 0, seed: int = 0
) -> torch.Tensor:
    """Squared 2-Wasserstein distance of two samples, the mean over one-dimensional slices.

    Of one dimension it is the mean squared difference of the sorted samples.

    Args:
        ours: shape (texts, width).
        theirs: the same shape.
        slices: random directions that are taken beside the coordinates.
        seed: of the directions.
    """
    if slices:
        drawn = torch.Generator().manual_seed(seed)
        lines = torch.randn(ours.shape[1], slices, generator=drawn).to(ours)
        lines = lines / lines.norm(dim=0)
        ours, theirs = (torch.cat([x, x @ lines], 1) for x in (ours, theirs))
    return (ours.sort(0).values - theirs.sort(0).values).square().mean()


def fit(
    residual: Residual, contrast: Contrast, layers: Sequence[int], settings: Settings
) -> dict[str, torch.Tensor]:
    """The maps, `scale.LAYER` and `shift.LAYER`; those of layers that need none are left out.

    Raises:
        HarnessError: the loss is no number.
    """
    n = min(len(contrast.toxic), len(contrast.clean))
    limits = _limits(residual, contrast, layers)
    toxic, clean = (residual.tokens(texts[:n]) for texts in (contrast.toxic, contrast.clean))
    with torch.no_grad():
        start = _pooled(residual, *toxic, limits, None)
        target = _pooled(residual, *clean, limits, None)
    spreads = {n: torch.cat([start[n], target[n]]).var(0).mean().sqrt() for n in layers}
    maps = Maps({n: start[n].mean(0) for n in layers}, spreads)
    optimizer = torch.optim.Adam(maps.parameters, lr=settings.rate, betas=(0.9, 0.99))
    began = time.monotonic()
    for parameter in residual.network.parameters():
        parameter.requires_grad_(False)
    for step in range(settings.steps):
        rate = settings.rate * 0.5 * (1 + math.cos(math.pi * step / settings.steps))
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        pooled = _pooled(residual, *toxic, limits, maps)
        seed = settings.seed * 1_000_003 + step
        loss = torch.stack(
            [
                distance(pooled[n], target[n], settings.slices, seed) / spreads[n].square()
                for n in layers
            ]
        ).sum()
        if not bool(loss.isfinite()):
            raise HarnessError(
                f"transport cannot be fitted on model={residual.loaded.encoder.name!r}: its loss "
                f"is no number at step {step}; a smaller mitigation.fit.rate may help"
            )
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        maps.shrink(rate * settings.lasso, rate * settings.group)
        if step in (0, settings.steps // 2):
            seconds = (time.monotonic() - began) / (step + 1) * (settings.steps - step - 1)
            logger.warning("transport: step %d of %d, loss %.4g, %.0f s left",
                           step + 1, settings.steps, loss.item(), seconds)  # fmt: skip
    return _stored(maps, layers)


def _stored(maps: Maps, layers: Sequence[int]) -> dict[str, torch.Tensor]:
    stored: dict[str, torch.Tensor] = {}
    for layer in layers:
        scale, shift = (x.detach().cpu() for x in maps.affine(layer))
        if bool((scale != 1).any() or (shift != 0).any()):
            stored |= {f"scale.{layer}": scale, f"shift.{layer}": shift}
    return stored


def _limits(
    residual: Residual, contrast: Contrast, layers: Sequence[int]
) -> dict[int, torch.Tensor]:
    """Of each layer the norm beyond which a state is a sink's."""
    texts = list(residual.states([*contrast.toxic, *contrast.clean], layers))
    return {layer: longest_of([of_text[layer] for of_text in texts]) for layer in layers}


def _pooled(
    residual: Residual,
    ids: torch.Tensor,
    mask: torch.Tensor,
    limits: Mapping[int, torch.Tensor],
    maps: Maps | None,
) -> dict[int, torch.Tensor]:
    """Of each layer the mean state of each text, maps acting, without its first token and sinks."""
    pooled: dict[int, torch.Tensor] = {}

    def at(layer: int) -> Change:
        def change(states: torch.Tensor) -> torch.Tensor:
            wide = states.float()
            pooled_mask = mask & (wide.norm(dim=-1) <= limits[layer].to(wide.device))
            pooled_mask = pooled_mask.index_fill(
                1, torch.tensor([0], device=pooled_mask.device), False
            )
            if maps is not None:
                scale, shift = maps.affine(layer)
                wide = wide * scale + shift
            counts = pooled_mask.sum(1, keepdim=True).clamp(min=1)
            pooled[layer] = (wide * pooled_mask[..., None]).sum(1) / counts
            return states if maps is None else wide.to(states.dtype)

        return change

    residual.run(ids, mask, {layer: at(layer) for layer in limits})
    return pooled
