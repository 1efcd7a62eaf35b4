"""Edits of weights, as functions of tensors."""

from __future__ import annotations

from collections.abc import Mapping

import torch


def shifted_rows(
    matrices: Mapping[str, torch.Tensor], probe: torch.Tensor, share: float, strength: float
) -> dict[str, torch.Tensor]:
    """Matrices whose rows that point away from a probe are shifted along it.

    Of all rows of all matrices those with the least cosine to the probe are chosen; each is moved
    by `strength` mean row norms in the probe's direction.

    Args:
        matrices: by name, shape (rows, width).
        probe: shape (width,).
        share: of the rows, from 0 to 1.
        strength: 0 gives the very same weights.

    Returns:
        The matrices in which a row moved.
    """
    direction = (probe / probe.norm()).float()
    cosines = {
        name: torch.nn.functional.cosine_similarity(
            matrix.float(), direction[None].to(matrix.device)
        )
        for name, matrix in matrices.items()
    }
    everything = torch.cat([cosine.cpu() for cosine in cosines.values()])
    count = round(share * len(everything))
    if not count:
        return {}
    chosen = torch.zeros(len(everything), dtype=torch.bool)
    chosen[torch.sort(everything, stable=True).indices[:count]] = True
    norms = torch.cat([matrix.float().norm(dim=1).cpu() for matrix in matrices.values()])
    step = strength * norms.mean() * direction
    edited, first = {}, 0
    for name, matrix in matrices.items():
        rows = chosen[first : first + len(matrix)].to(matrix.device)
        first += len(matrix)
        if rows.any():
            moved = matrix.clone()
            moved[rows] = (matrix[rows].float() + step.to(matrix.device)).to(matrix.dtype)
            edited[name] = moved
    return edited


def damped(
    matrix: torch.Tensor, states: torch.Tensor, damping: float, directions: int
) -> torch.Tensor:
    """A matrix with some of its singular values multiplied by `damping`.

    Args:
        matrix: shape (vocabulary, width).
        states: shape (width,): by how much toxic states differ from others in the mean; the
            singular vectors on which this difference is largest are damped.
        damping: 1 gives the very same weights.
        directions: how many.
    """
    if damping == 1:
        return matrix
    _, right = singular(matrix)
    chosen = torch.sort((right @ states.double()).abs(), descending=True, stable=True).indices
    taken = right[chosen[:directions]]
    changed = matrix.double() - (1 - damping) * (matrix.double() @ taken.T) @ taken
    return changed.to(matrix.dtype)


def singular(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Singular values, descending, and right singular vectors, one a row.

    They are the eigenvectors of the product of the matrix with itself, which is only as wide as
    the model: no singular value decomposition of the whole vocabulary is needed.
    """
    values, vectors = torch.linalg.eigh(matrix.double().T @ matrix.double())
    return values.flip(0).clamp(min=0).sqrt(), vectors.flip(1).T.contiguous()
