"""Trains a small sparse autoencoder on the states of a model: the same for a seed.

BatchTopK (Bussmann et al. 2024, arXiv 2412.06410): of all features of a batch the strongest are
kept, `active` a state on average; the mean of the weakest that was kept becomes the threshold, by
which a state is coded alone afterwards.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from harness.mitigations.steering.directions import longest_of
from harness.mitigations.steering.residual import Residual
from harness.mitigations.steering.sparse_autoencoder import SparseAutoencoder
from harness.types import HarnessError

logger = logging.getLogger(__name__)

HELD_OUT = 9
"""One text in so many is held out, to say how well the autoencoder copies; odd, for kinds of texts
take turns."""
LEAST = 200
"""States at least."""
DEAD = 50
"""Steps without once being kept, after which a feature is dead."""
AUXILIARY = 1 / 32
"""Weight of what dead features make of the rest (Gao et al. 2024, arXiv 2406.04093)."""


@dataclass(frozen=True)
class Training:
    """How an autoencoder is trained."""

    features: int = 1024
    active: int = 16
    """Features of a state, on average."""
    steps: int = 400
    batch: int = 512
    rate: float = 1e-3
    seed: int = 0


@dataclass(frozen=True)
class Trained:
    """What came of a training."""

    autoencoder: SparseAutoencoder
    unexplained_before: float
    """Share of the variance of held-out states that the untrained one loses."""
    unexplained: float
    """The same, of the trained one."""
    active: float
    """Features of a held-out state."""
    dead: float
    """Share of features that no training state has."""
    states: int


def states_of(
    residual: Residual, texts: Sequence[str], layer: int, each: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """States to train on and to test on, without sinks.

    Args:
        residual: whose states they are.
        texts: that are read.
        layer: after which.
        each: so many texts, one after another, begin alike and stay on one side.

    Raises:
        HarnessError: there are too few.
    """
    sides: tuple[list[torch.Tensor], list[torch.Tensor]] = ([], [])
    for number, states in enumerate(residual.states(texts, [layer])):
        sides[number // each % HELD_OUT == HELD_OUT - 1].append(states[layer])
    if min(map(len, sides)) == 0 or sum(map(len, sides[0])) < LEAST:
        raise HarnessError(
            f"{len(texts)} texts give too few states to train a sparse autoencoder on; give more"
        )
    seen, held = (torch.cat(side) for side in sides)
    longest = longest_of([seen])
    return seen[seen.norm(dim=-1) <= longest], held[held.norm(dim=-1) <= longest]


def train(
    states: torch.Tensor,
    held_out: torch.Tensor,
    settings: Training,
    log: Callable[[str], None] = logger.warning,
) -> Trained:
    """An autoencoder of states.

    Args:
        states: shape (tokens, width).
        held_out: others, by which it is judged.
        settings: of the training.
        log: is given a line now and then.
    """
    drawn = torch.Generator().manual_seed(settings.seed)
    scale = (states - states.mean(0)).square().sum(-1).mean().sqrt()
    net = _Net(states, scale, settings, drawn)
    before = net.finished(states.mean(0), scale).unexplained(held_out)
    optimizer = torch.optim.Adam(net.parameters, lr=settings.rate)
    began = time.monotonic()
    for step in range(settings.steps):
        rate = settings.rate * min(1.0, 5 * (1 - step / settings.steps))
        optimizer.param_groups[0]["lr"] = rate
        places = torch.randint(len(states), (settings.batch,), generator=drawn)
        loss = net.loss((states[places] - net.middle) / scale)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        net.normalise()
        if step in (20, settings.steps // 2):
            seconds = (time.monotonic() - began) / (step + 1) * (settings.steps - step - 1)
            log(
                f"sparse autoencoder: step {step + 1} of {settings.steps}, loss {loss.item():.4f}, "
                f"{seconds:.0f} s left"
            )
    autoencoder = net.finished(states.mean(0), scale)
    codes = autoencoder.encode(held_out)
    return Trained(
        autoencoder,
        before,
        autoencoder.unexplained(held_out),
        float((codes > 0).sum(1).float().mean()),
        float((net.quiet >= settings.steps).float().mean()),
        len(states),
    )


class _Net:
    """Weights in training, on states of mean 0 and root mean square 1."""

    def __init__(
        self,
        states: torch.Tensor,
        scale: torch.Tensor,
        settings: Training,
        drawn: torch.Generator,
    ) -> None:
        width = states.shape[1]
        self.middle = states.mean(0)
        start = torch.randn(settings.features, width, generator=drawn)
        start = start / start.norm(dim=1, keepdim=True)
        self.w_dec = start.clone().requires_grad_()
        self.w_enc = start.T.contiguous().clone().requires_grad_()
        self.b_enc = torch.zeros(settings.features).requires_grad_()
        self.b_dec = torch.zeros(width).requires_grad_()
        self.parameters = [self.w_enc, self.b_enc, self.w_dec, self.b_dec]
        self.quiet = torch.zeros(settings.features)
        """Steps since each feature was kept."""
        self.threshold = 0.0
        self._active = settings.active

    def loss(self, states: torch.Tensor) -> torch.Tensor:
        """What is lost of a batch, and what dead features could give of it."""
        coded = ((states - self.b_dec) @ self.w_enc + self.b_enc).relu()
        least = coded.detach().flatten().topk(self._active * len(states)).values[-1]
        codes = coded * (coded >= least)
        self._remember(float(least), codes)
        residual = states - (codes @ self.w_dec + self.b_dec)
        loss: torch.Tensor = residual.square().sum(-1).mean()
        dead = self.quiet >= DEAD
        if bool(dead.any()):
            loss = loss + AUXILIARY * self._of_the_dead(coded[:, dead], dead, residual.detach())
        return loss

    def _of_the_dead(
        self, coded: torch.Tensor, dead: torch.Tensor, residual: torch.Tensor
    ) -> torch.Tensor:
        strongest = coded.topk(min(2 * self._active, coded.shape[1]), dim=1)
        codes = torch.zeros_like(coded).scatter(1, strongest.indices, strongest.values)
        loss: torch.Tensor = (residual - codes @ self.w_dec[dead]).square().sum(-1).mean()
        return loss

    @torch.no_grad()
    def _remember(self, least: float, codes: torch.Tensor) -> None:
        self.threshold = least if not self.threshold else 0.99 * self.threshold + 0.01 * least
        self.quiet = torch.where((codes > 0).any(0), 0, self.quiet + 1)

    @torch.no_grad()
    def normalise(self) -> None:
        """Decoder rows of length 1, so that a code says how strong its feature is."""
        self.w_dec /= self.w_dec.norm(dim=1, keepdim=True)

    @torch.no_grad()
    def finished(self, middle: torch.Tensor, scale: torch.Tensor) -> SparseAutoencoder:
        """For states as they are: codes are then in the states' unit."""
        threshold = torch.full_like(self.b_enc, max(self.threshold, 0.0)) * scale
        return SparseAutoencoder(
            self.w_enc.detach().clone(),
            self.b_enc.detach() * scale,
            self.w_dec.detach().clone(),
            self.b_dec.detach() * scale + middle,
            threshold,
        )
