"""Whether our attention does for a model what its own does, on tokens that use all of its parts."""

from __future__ import annotations

from typing import Any

import torch

from harness.models.hf.prefixes import Leaf, Segment
from harness.models.hf.quantised import MOST_NOISE, is_quantised, moved_by_company
from harness.models.hf.slots import Slots

NOISE = {torch.float32: 1e-3, torch.bfloat16: 0.1, torch.float16: 0.1}
"""Root mean square by which two ways to compute logits may differ, in their standard deviations."""


@torch.inference_mode()
def try_cascade(loaded: Any) -> str | None:
    """Compare our attention with the model's own, on tokens that use all of its parts.

    Args:
        loaded: a `LoadedModel`; its longest row and the bytes of a token are set.

    Returns:
        Why it does not fit, or None.
    """
    if loaded.is_pair:
        return "an encoder reads its prompts"
    if not getattr(loaded.model, "_supports_attention_backend", False):
        return "it does not take another attention"
    kinds = set(getattr(loaded.model.config.get_text_config(), "layer_types", None) or ())
    if other_kinds := {kind for kind in kinds if "attention" not in kind or "linear" in kind}:
        return f"it has layers of another kind ({', '.join(sorted(other_kinds))})"
    drawn = torch.randint(loaded.vocabulary, (40,), generator=torch.Generator().manual_seed(0))
    tokens = tuple(drawn.tolist())
    shared = Segment(tokens[:16], 0, None, 24)
    leaves = [Leaf((*shared.tokens, *tokens[16:n]), shared, 1) for n in (24, 19)]
    work = Slots(loaded.device)
    try:
        expected = loaded.model(drawn[None, :25].to(loaded.device)).logits[0].float()
        loaded.use_cascade(ours=True)
        seen, layers = loaded.prefill(leaves, [2, 2])
        work.add(layers, [range(8), range(8, 11)])
        work.under([shared, shared])
        work.begin()
        step = loaded.forward([tokens[24], tokens[19]], [24, 19], work, [0, 1])
    except (NotImplementedError, TypeError, ValueError, AttributeError, IndexError) as error:
        loaded.use_cascade(ours=False)
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}"
    ours = torch.stack([seen[0], seen[1], step[0], seen[2], seen[3], step[1]]).float()
    theirs = torch.cat([expected[n - 3 : n] for n in (25, 20)])  # what comes after changes nothing
    difference = float((ours - theirs).square().mean().sqrt() / theirs.std())
    loaded.use_cascade(ours=False)
    if not difference <= _noise(loaded.model, drawn.to(loaded.device)):
        return f"its logits come out otherwise, by {difference:.3g} standard deviations"
    loaded.token_bytes = sum(x[0].numel() * x.element_size() for pair in layers for x in pair)
    text_config = loaded.model.config.get_text_config()
    chunk = getattr(text_config, "attention_chunk_size", None)
    loaded.widest = min(work.window or loaded.context, chunk or loaded.context, loaded.context)
    return None


def _noise(model: Any, drawn: torch.Tensor) -> float:
    """By how much logits may differ: of quantised weights twice what company moves them by."""
    if not is_quantised(model):
        return NOISE.get(model.dtype, 1e-3)
    company = 2 * moved_by_company(model, [drawn[:25], drawn[:20]])
    return min(MOST_NOISE, max(NOISE[torch.bfloat16], company))
