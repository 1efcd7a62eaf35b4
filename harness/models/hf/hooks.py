"""Where mitigations act inside a model of transformers: its logits, its states, its weights.

What a hook gives for a row or a token depends on that row or token alone, so that neither a batch
nor an interruption changes an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, runtime_checkable

import torch

from harness.models.hf.prefixes import Tokens
from harness.models.hf.sizes import shape_of
from harness.models.hf.spreading import device_of, is_offloaded
from harness.models.hf.steering_gate import SteeringGate
from harness.models.hf.unfit import FAULTS, fault, named, refuse_rounded, same_shape
from harness.types import HarnessError, Mitigation, fingerprint, hooks_of, trait


@dataclass(frozen=True, slots=True)
class Context:
    """What stands before a token that is to be chosen or weighed."""

    prompt: Tokens
    written: Tokens
    """Of the answer, or of the choice that is weighed."""


Head = Callable[[torch.Tensor], torch.Tensor]
"""From the last layer's states to logits."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What an auxiliary of a mitigation (harness/models/hf/auxiliaries.py) gives for the rows."""

    of: object
    """The mitigation."""
    outputs: torch.Tensor
    """Of its head, a row each: logits, or the states that the head would be given."""
    totals: torch.Tensor | None = None
    """Of each row the log-probability of its prompt and of what is written, where it is kept."""
    head: Head | None = None
    """What makes logits of states; of models that have the same head, the same object."""

    def logits(self) -> torch.Tensor:
        """Its logits, float32."""
        logits = self.outputs if self.head is None else self.head(self.outputs)
        return logits.float()


@runtime_checkable
class ChangesLogits(Protocol):
    """Decoding: how probable each next token is."""

    def change_logits(self, logits: torch.Tensor, contexts: Sequence[Context]) -> torch.Tensor:
        """The logits to choose from instead, before temperature, top-k and top-p.

        Where the mitigation has auxiliaries, what they give is a third argument, `beside`.

        Args:
            logits: unnormalised natural logarithms, float32, shape (rows, vocabulary).
            contexts: of each row.

        Returns:
            The same shape; minus infinity where a token is never to be written. Each row depends on
            its own logits and context only.
        """
        ...


@runtime_checkable
class ChangesStates(Protocol):
    """Steering: what is passed on from layer to layer."""

    @property
    def layers(self) -> Sequence[int]:
        """After which decoder layers it acts, the first being 0."""
        ...

    def change_states(self, states: torch.Tensor, layer: int) -> torch.Tensor:
        """What the next layer is given instead of what this one gave.

        A mitigation with the trait `by_prompt` has `prompt_scores(states, layer)` beside it, one
        number a token, and takes a third argument: of each token the largest of these numbers over
        its row's prompt, float32. It is then given each prompt's last token and those of answers;
        the tokens before stay as they are.

        Args:
            states: the residual stream, in the model's dtype and units, shape (tokens, width). They
                may be tokens of many rows, of prompts and of answers; some prompts share them.
            layer: after which layer.

        Returns:
            The same shape, dtype and device. Each token's depends on its own only.
        """
        ...


@runtime_checkable
class ChangesWeights(Protocol):
    """Editing and unlearning: the weights themselves."""

    def change_weights(self, weights: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """New weights for some of the names; at least one. Asked once, when the model is loaded.

        Args:
            weights: by transformers' name (`model.layers.0.mlp.down_proj.weight`), as they are on
                the model's device and in its dtype. They are not to be written into.

        Returns:
            Each of the shape that it has.
        """
        ...


@dataclass(frozen=True)
class Hooks:
    """The hooks of a run's mitigations, in order."""

    mitigations: Sequence[Mitigation] = ()
    gate: SteeringGate = field(default_factory=SteeringGate, compare=False)

    @property
    def key(self) -> str:
        """What a model with these hooks is loaded apart by; empty without hooks."""
        identities = {str(n): dict(part.identity) for n, part in enumerate(self.mitigations)}
        return fingerprint(identities) if identities else ""

    def check(self, config: Mapping[str, Any], name: str) -> None:
        """Refuse hooks that do not fit, before anything is loaded.

        Args:
            config: of the checkpoint.
            name: what the user called the model.

        Raises:
            HarnessError: a layer is named that there is not, or none.
        """
        count, _ = shape_of(config)
        for mitigation in self.mitigations:
            if "change_states" in hooks_of(mitigation):
                _check_layers(mitigation, count, name)

    def attach(self, model: Any, name: str) -> Hooks:
        """Edit a loaded model's weights, and hook its layers; gives the hooks of this model alone.

        Raises:
            HarnessError: a hook gives what does not fit the model.
        """
        attached = replace(self, gate=SteeringGate())
        for mitigation in self.mitigations:
            if isinstance(mitigation, ChangesWeights):
                _edit(model, mitigation, name)
        if any(isinstance(mitigation, ChangesStates) for mitigation in self.mitigations):
            layers = layers_of(model, name)
            for mitigation in self.mitigations:
                if isinstance(mitigation, ChangesStates):
                    _check_layers(mitigation, len(layers), name)
                    for number in sorted(set(mitigation.layers)):
                        _steer(layers[number], _changing(mitigation, number, attached.gate), model)
        return attached

    @property
    def change_logits(self) -> bool:
        """Whether one of them changes logits."""
        return any(isinstance(mitigation, ChangesLogits) for mitigation in self.mitigations)

    def logits(
        self,
        logits: torch.Tensor,
        contexts: Callable[[], Sequence[Context]],
        beside: Sequence[Beside] = (),
    ) -> torch.Tensor:
        """The logits as the mitigations leave them; the very same where none changes any.

        Raises:
            HarnessError: a hook gives what is not of their shape.
        """
        changing = [m for m in self.mitigations if isinstance(m, ChangesLogits)]
        if not changing:
            return logits
        changed, rows = logits.to(torch.float32, copy=True), contexts()
        for mitigation in changing:
            auxiliaries = [auxiliary for auxiliary in beside if auxiliary.of is mitigation]
            options: dict[str, Any] = {"beside": auxiliaries} if auxiliaries else {}
            change = partial(mitigation.change_logits, contexts=rows, **options)
            changed = same_shape(mitigation, "change_logits", changed, change)
        return changed


NO_HOOKS = Hooks()


def _check_layers(mitigation: object, count: int | None, name: str) -> None:
    """Refuse layers that the model does not have.

    Args:
        mitigation: whose layers they are.
        count: of the model's layers; None: that is known only once it is loaded.
        name: what the user called the model.
    """
    layers = list(trait(mitigation, "layers"))
    if layers and all(layer >= 0 and (count is None or layer < count) for layer in layers):
        return
    most = "" if count is None else f", from 0 to {count - 1} in model={name!r}"
    raise HarnessError(
        f"{named(mitigation)} has layers={layers}: name those after which it changes states{most}"
    )


def _edit(model: Any, mitigation: ChangesWeights, name: str) -> None:
    """Put a mitigation's weights into the model."""
    if is_offloaded(model):
        raise HarnessError(
            f"{named(mitigation)} changes weights, and some of model={name!r} are offloaded "
            "(backend.device); name devices that hold all of it"
        )
    weights = dict(model.named_parameters())
    try:
        edited = dict(mitigation.change_weights({n: w.detach() for n, w in weights.items()}))
    except FAULTS as error:
        raise HarnessError(fault(mitigation, "change_weights", error)) from error
    if not edited:
        raise HarnessError(f"{named(mitigation)} changes none of the weights of model={name!r}")
    for key, weight in edited.items():
        old = weights.get(key)
        if old is None or old.shape != weight.shape:
            fault_words = "has no such weight" if old is None else f"has {tuple(old.shape)} there"
            raise HarnessError(
                f"{named(mitigation)} gives a weight {key!r} of shape {tuple(weight.shape)}; "
                f"model={name!r} {fault_words}"
            )
        refuse_rounded(old, key, mitigation, name)
        old.data.copy_(weight)


def _changing(
    mitigation: ChangesStates, layer: int, gate: SteeringGate
) -> Callable[[torch.Tensor], torch.Tensor]:
    """How a mitigation changes the states after a layer, which it may write into."""

    def plainly(states: torch.Tensor) -> torch.Tensor:
        return mitigation.change_states(states, layer)

    change = plainly
    if trait(mitigation, "by_prompt"):
        by_prompt: Any = mitigation
        reader = gate.open()

        def gated(states: torch.Tensor) -> torch.Tensor:
            return gate.change(
                reader,
                states,
                lambda read: by_prompt.prompt_scores(read, layer),
                lambda changed, prompt: by_prompt.change_states(changed, layer, prompt),
            )

        change = gated
    return lambda states: same_shape(mitigation, "change_states", states, change)


def _steer(
    layer: torch.nn.Module, change: Callable[[torch.Tensor], torch.Tensor], model: Any
) -> None:
    """Let a mitigation change what a layer gives."""

    def steered(states: torch.Tensor) -> torch.Tensor:
        flat = states.reshape(-1, states.shape[-1]).clone()  # a hook may write into it
        return change(flat).to(states.dtype).reshape(states.shape)

    def hook(module: torch.nn.Module, inputs: Any, output: Any) -> Any:
        if isinstance(output, tuple):
            return (steered(output[0]), *output[1:])
        return steered(output)

    width = int(model.config.get_text_config().hidden_size)
    tried = torch.zeros(1, width, dtype=model.dtype, device=device_of(layer))
    steered(tried)  # refuses what is unfit
    layer.register_forward_hook(hook)


def layers_of(model: Any, name: str) -> torch.nn.ModuleList:
    """The decoder's layers.

    Raises:
        HarnessError: the model keeps no list of them.
    """
    count = model.config.get_text_config().num_hidden_layers
    for module in model.get_decoder().modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == count:
            return module
    raise HarnessError(
        f"model={name!r} ({type(model).__name__}) keeps no list of its {count} layers, so that no "
        "mitigation can change its states"
    )
