"""The contract of mitigations, by what they act on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from harness.testing.contracts import (
    _answers,
    _hold,
    _is_identity,
    _same_answer,
    check_model,
    check_traits,
)
from harness.types import (
    HOOKS,
    ChangesRequest,
    Generation,
    GenerationConfig,
    Message,
    Mitigation,
    Model,
    Request,
    TakesHooks,
    WrapsModel,
    hooks_of,
    trait,
)


def check_mitigation(mitigation: Mitigation, model: Model | None = None) -> None:
    """Acts by some method, each of which does what its kind may do and no more.

    Args:
        mitigation: under test.
        model: to act on; a mitigation that hooks needs one that has hooks, a tiny checkpoint say.
    """
    _hold(_is_identity(mitigation.identity), "a mitigation's identity maps words to words")
    _hold(mitigation.identity == mitigation.identity, "a mitigation's identity does not change")
    check_traits("mitigation", mitigation)
    hooks = hooks_of(mitigation)
    _hold(
        isinstance(mitigation, ChangesRequest | WrapsModel) or bool(hooks),
        f"a mitigation acts by apply, wrap, or one of {', '.join(HOOKS)}",
    )
    if isinstance(mitigation, ChangesRequest):
        _check_requests(mitigation)
    if isinstance(mitigation, WrapsModel):
        check_model(mitigation.wrap(model or _Parrot()))
    if hooks:
        _check_hooks(mitigation, hooks, model)


def _check_requests(mitigation: ChangesRequest) -> None:
    """Changes how something is asked, and not what, how often, or with which choices."""
    system = (Message("system", "Be brief."), Message("user", "Why is the sky blue?"))
    for prompt in ("The sky is", system[1:], system):
        request = Request("s", prompt, indices=(1, 3), choices=(" blue", " red"))
        changed = mitigation.apply(request)
        _hold(
            replace(changed, prompt=prompt) == request,
            "a mitigation changes the prompt and nothing else",
        )
        _hold(changed.prompt != prompt, "a mitigation changes the prompt")
        _hold(changed == mitigation.apply(request), "a mitigation does the same each time")


def _check_hooks(mitigation: Mitigation, hooks: Sequence[str], model: Model | None) -> None:
    """Keeps a model's contract, changes something, and leaves the bare model as it is."""
    names = ", ".join(hooks)
    _hold(
        not trait(mitigation, "by_prompt") or callable(getattr(mitigation, "prompt_scores", None)),
        "a mitigation that goes by the prompt has prompt_scores(states, layer)",
    )
    if model is None or not isinstance(model, TakesHooks):
        raise AssertionError(
            f"a mitigation with {names} is checked on a model that has hooks: give one as `model`"
        )
    requests = [Request("text", "Once upon a time"), Request("empty", "")]
    if model.weighs_choices:
        requests.append(Request("choices", "The sky is", choices=(" blue", " green")))
    settings = GenerationConfig(max_new_tokens=8)
    bare = _answers(model, requests, settings)
    hooked = model.hooked([mitigation])
    _hold(hooked.identity == model.identity, "a hooked model's identity is the bare model's")
    check_model(hooked)
    answers = _answers(hooked, requests, settings)
    _hold(
        any(
            (answer.text, answer.choice_logprobs) != (bare[key].text, bare[key].choice_logprobs)
            for key, answer in answers.items()
        ),
        f"a mitigation with {names} changes an answer or a log-probability",
    )
    again = _answers(model, requests, settings)
    _hold(
        all(_same_answer(bare[key], answer) for key, answer in again.items()),
        "a mitigation leaves the bare model as it is",
    )


class _Parrot:
    """A model that gives the last words of a prompt back; what a wrap is checked around."""

    name = "parrot"
    weighs_choices = False
    identity: Mapping[str, str] = {"model": "parrot"}

    def generate(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        for request in requests:
            prompt = request.prompt
            words = (prompt if isinstance(prompt, str) else prompt[-1].content).split()
            text = " ".join(words[-generation.max_new_tokens :])
            yield [Generation(request.sample_id, index, text) for index in request.indices]
