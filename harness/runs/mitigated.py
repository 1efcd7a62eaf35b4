"""The model as a run's mitigations leave it."""

from __future__ import annotations

from harness.types import (
    ChangesRequest,
    HarnessError,
    Mitigation,
    Model,
    TakesHooks,
    WrapsModel,
    hooks_of,
    parts_of,
)


def inside(model: Model, mitigation: Mitigation | None) -> Model:
    """The model with the mitigations in it that hook its logits, states or weights.

    Raises:
        HarnessError: a mitigation acts nowhere, or the model has no hooks for it.
    """
    parts = parts_of(mitigation)
    for part in parts:
        if not (isinstance(part, ChangesRequest | WrapsModel) or hooks_of(part)):
            raise HarnessError(
                f"mitigation {type(part).__name__} has no method by which it acts: none of apply, "
                "wrap, change_logits, change_states and change_weights"
            )
    hooking = [part for part in parts if hooks_of(part)]
    if not hooking:
        return model
    if not isinstance(model, TakesHooks):
        part = hooking[0]
        raise HarnessError(
            f"mitigation {type(part).__name__} acts inside the model "
            f"({', '.join(hooks_of(part))}), and {type(model).__name__} of model={model.name!r} "
            "has no hooks for it; backend=hf has"
        )
    return model.hooked(hooking)


def around(model: Model, mitigation: Mitigation | None) -> Model:
    """The model in the mitigations that wrap it, the first of them outermost."""
    for part in reversed(parts_of(mitigation)):
        if isinstance(part, WrapsModel):
            model = part.wrap(model)
    return model
