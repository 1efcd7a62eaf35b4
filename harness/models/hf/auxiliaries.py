"""Auxiliary models of mitigations: how they join a model, and what they give beside its logits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import torch

from harness.models.hf.hooks import Beside, Context, Head, Hooks
from harness.models.hf.lanes import Lane, weigh_rows
from harness.models.hf.loaded import Auxiliary, LoadedModel
from harness.models.hf.packed import pack
from harness.models.hf.prefixes import Tokens, share
from harness.models.hf.rows import Row, Weighing
from harness.types import HarnessError


@runtime_checkable
class ChecksModel(Protocol):
    """A mitigation that fits some models only."""

    def check_model(self, model: Any) -> None:
        """Refuse a model that it does not fit, before any weights are loaded.

        Args:
            model: a `HuggingFaceModel`.

        Raises:
            HarnessError: it does not fit.
        """
        ...


@runtime_checkable
class RunsAuxiliaries(Protocol):
    """A mitigation that changes logits by what other models, or the same, say of the same rows."""

    def auxiliaries(self, model: Any, loaded: LoadedModel) -> Sequence[Auxiliary]:
        """The models, loaded. Asked once, when the model itself is loaded.

        Args:
            model: the `HuggingFaceModel` that is asked.
            loaded: its weights, which may be an auxiliary's as well, asked something else.
        """
        ...


@runtime_checkable
class ReadsStates(Protocol):
    """A mitigation that changes logits by the states that the model's head is given."""

    reads_states: bool
    """They are the first of `beside`."""


class WithStates(torch.nn.Module):
    """A head that gives what it is given, behind its logits."""

    def __init__(self, head: torch.nn.Module) -> None:
        super().__init__()
        self.head = head

    @property
    def weight(self) -> torch.nn.Parameter:
        """The head's."""
        return self.head.weight  # type: ignore[return-value]

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Of shape (..., vocabulary + width)."""
        logits = self.head(states)
        return torch.cat([logits, states.to(logits.device)], -1)


def check_inside(hooks: Hooks, model: Any, config: Mapping[str, Any]) -> None:
    """Refuse mitigations that do not fit a model, before anything is loaded.

    Raises:
        HarnessError: one does not.
    """
    hooks.check(config, model.name)
    for mitigation in hooks.mitigations:
        if isinstance(mitigation, ChecksModel):
            mitigation.check_model(model)


def act_inside(hooks: Hooks, model: Any, loaded: LoadedModel) -> None:
    """Let mitigations act in a loaded model.

    Raises:
        HarnessError: a mitigation does not fit it.
    """
    loaded.hooks = hooks.attach(loaded.model, model.name)
    loaded.states_for = [
        m for m in hooks.mitigations if isinstance(m, ReadsStates) and m.reads_states
    ]
    if loaded.states_for:
        _give_states(loaded, model.name)
    loaded.auxiliaries = [
        auxiliary
        for mitigation in hooks.mitigations
        if isinstance(mitigation, RunsAuxiliaries)
        for auxiliary in mitigation.auxiliaries(model, loaded)
    ]
    if loaded.auxiliaries and model.token_budget is None:
        loaded.token_budget = loaded.fitting_tokens()  # of what their weights have left


@contextmanager
def of_option(option: str) -> Iterator[None]:
    """What is refused of an auxiliary model is refused by the option that names it.

    Raises:
        HarnessError: what was refused; `backend.base` is the base of the model that is asked.
    """
    try:
        yield
    except HarnessError as error:
        base = "base_model_name_or_path in its adapter_config.json"
        reason = str(error).replace("backend.base=MODEL", base)
        raise HarnessError(f"mitigation.{option}: {reason}") from error


def read_auxiliary(
    of: object, other: Any, loaded: LoadedModel, option: str, headless: bool = True
) -> Auxiliary:
    """An auxiliary model, read anew and held by nobody else.

    Args:
        of: the mitigation.
        other: a `HuggingFaceModel`.
        loaded: the model that is asked.
        option: that names the other model.
        headless: where it has the very head of the model that is asked, give states before it.

    Raises:
        HarnessError: it cannot be read, or has rows for another number of tokens.
    """
    with of_option(option):
        tokenizer, network = other.read(str(loaded.model.dtype).removeprefix("torch."))
    read = LoadedModel(tokenizer, network, other.name, loaded.token_budget)
    if read.vocabulary != loaded.vocabulary:
        raise HarnessError(
            f"mitigation.{option}={other.name!r} has rows for {read.vocabulary:,} tokens, and "
            f"model={loaded.encoder.name!r} for {loaded.vocabulary:,}: give one that was tuned "
            "from it"
        )
    head = _shared_head(read, loaded) if headless else None
    pack(read.model)
    return Auxiliary(of, read, head=head)


@torch.inference_mode()
def _shared_head(read: LoadedModel, loaded: LoadedModel) -> Head | None:
    """Take the head off a model that has the very one of another; None: it is another."""
    head_of: Any = read.model.get_output_embeddings()
    other: Any = loaded.model.get_output_embeddings()
    other = other.head if isinstance(other, WithStates) else other
    plain = all(type(head) is torch.nn.Linear and head.bias is None for head in (head_of, other))
    plain = plain and not (head_of.weight.is_meta or other.weight.is_meta)
    if not plain or not torch.equal(head_of.weight, other.weight):
        return None
    tokens = torch.arange(min(8, read.vocabulary), device=read.device)[None]
    before = read.model(tokens).logits
    read.model.set_output_embeddings(torch.nn.Identity())
    states = read.model(tokens).logits
    if states.shape[-1] == other.weight.shape[1] and torch.allclose(other(states), before):
        head: Head = other
        return head
    read.model.set_output_embeddings(head_of)  # it changes what its head gives
    return None


def lanes_of(loaded: LoadedModel, rows: Sequence[Row]) -> list[Lane]:
    """A lane for each auxiliary, over what it is asked for these rows."""
    lanes = []
    for number, auxiliary in enumerate(loaded.auxiliaries):
        prompts = [row.beside[number] for row in rows]
        weighed = [len(row.prompt) for row in rows] if auxiliary.weighed else None
        lanes.append(Lane(auxiliary.loaded, prompts, weighed))
    return lanes


def share_of(loaded: LoadedModel) -> float:
    """Part of the tokens that a model may hold which are its own rows', its auxiliaries beside."""
    token_bytes = loaded.token_bytes or 1
    bytes_beside = [auxiliary.loaded.token_bytes or token_bytes for auxiliary in loaded.auxiliaries]
    return token_bytes / (token_bytes + sum(bytes_beside))


def beside_of(lane: Lane, auxiliary: Auxiliary, outputs: torch.Tensor) -> Beside:
    """What a lane gives for the rows that it was asked about."""
    totals = torch.tensor(lane.totals, device=outputs.device) if auxiliary.weighed else None
    return _beside(auxiliary, outputs, totals)


def changed(
    loaded: LoadedModel,
    outputs: torch.Tensor,
    contexts: Callable[[], Sequence[Context]],
    beside: Sequence[Beside] = (),
) -> torch.Tensor:
    """The logits in what a model's head gives, as its mitigations leave them."""
    if loaded.states_for:
        states = outputs[..., loaded.vocabulary :]
        outputs = outputs[..., : loaded.vocabulary]
        head = loaded.model.get_output_embeddings().head
        beside = [
            *(Beside(mitigation, states, head=head) for mitigation in loaded.states_for),
            *beside,
        ]
    return loaded.hooks.logits(outputs, contexts, beside)


def weighed_beside(
    loaded: LoadedModel, weighed: Sequence[tuple[Weighing, Tokens]]
) -> list[list[Beside]]:
    """What the auxiliaries give at each token of choices.

    Args:
        loaded: the model that is asked.
        weighed: requests and choices of theirs.

    Returns:
        For each choice one of each auxiliary, its outputs of shape (tokens, vocabulary).
    """
    beside: list[list[Beside]] = [[] for _ in weighed]
    for number, auxiliary in enumerate(loaded.auxiliaries):
        prompts = [weighing.beside[number] for weighing, _ in weighed]
        rows = [p + choice[:-1] for p, (_, choice) in zip(prompts, weighed, strict=True)]
        counts = [len(choice) for _, choice in weighed]
        starts = _prompt_totals(auxiliary, prompts, [len(w.prompt) for w, _ in weighed])
        for place, outputs in enumerate(_outputs(auxiliary.loaded, rows, counts)):
            totals = None
            if auxiliary.weighed:
                steps = outputs[:, : auxiliary.loaded.vocabulary].float().log_softmax(-1)
                chosen = torch.tensor(weighed[place][1], device=steps.device)
                weights = steps.gather(1, chosen[:, None])[:, 0]
                totals = starts[place] + weights.cumsum(0) - weights  # of what stands before
            beside[place].append(_beside(auxiliary, outputs, totals))
    return beside


def _outputs(
    loaded: LoadedModel, rows: Sequence[Tokens], counts: Sequence[int]
) -> list[torch.Tensor]:
    """What a model gives at the last tokens of rows, so many of each."""
    needed = dict.fromkeys(rows, 0)
    for row, count in zip(rows, counts, strict=True):
        needed[row] = max(needed[row], count)
    leaves = share(list(needed.items()))
    outputs, _ = loaded.prefill(leaves, [leaf.needed for leaf in leaves])
    ends, end = dict[Tokens, int](), 0
    for leaf in leaves:
        end += leaf.needed
        ends[leaf.row] = end
    return [outputs[ends[row] - n : ends[row]] for row, n in zip(rows, counts, strict=True)]


def _prompt_totals(
    auxiliary: Auxiliary, prompts: Sequence[Tokens], lengths: Sequence[int]
) -> list[float]:
    """Log-probability of each prompt's last tokens, so many, where they are kept."""
    if not auxiliary.weighed:
        return [0.0] * len(prompts)
    counts = {p: min(n, len(p) - 1) for p, n in zip(prompts, lengths, strict=True)}
    totals = weigh_rows(auxiliary.loaded, [(p, n) for p, n in counts.items() if n > 0])
    return [totals.get(prompt, 0.0) for prompt in prompts]


def _beside(auxiliary: Auxiliary, outputs: torch.Tensor, totals: torch.Tensor | None) -> Beside:
    if auxiliary.loaded.states_for:  # an auxiliary that is the model itself
        outputs = outputs[..., : auxiliary.loaded.vocabulary]
    return Beside(auxiliary.of, outputs, totals, auxiliary.head)


@torch.inference_mode()
def _give_states(loaded: LoadedModel, name: str) -> None:
    """Put the states that the head is given behind its logits.

    Raises:
        HarnessError: the model makes something else of what its head gives.
    """
    head = loaded.model.get_output_embeddings()
    tokens = torch.arange(min(8, loaded.vocabulary), device=loaded.device)[None]
    before = loaded.model(tokens).logits
    head_inputs: list[torch.Tensor] = []
    watching = head.register_forward_pre_hook(lambda module, inputs: head_inputs.append(inputs[0]))
    loaded.model.set_output_embeddings(WithStates(head))
    after = loaded.model(tokens).logits
    watching.remove()
    if after.shape[-1] == loaded.vocabulary + head_inputs[0].shape[-1]:
        logits, states = after[..., : loaded.vocabulary], after[..., loaded.vocabulary :]
        if torch.equal(logits, before) and torch.equal(states, head_inputs[0]):
            return
    raise HarnessError(
        f"model={name!r} ({type(loaded.model).__name__}) changes what its head gives, so that a "
        "mitigation cannot be given the states before it"
    )
