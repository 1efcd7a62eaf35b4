"""From prompts to tokens: the chat template, choices, and special tokens kept out of texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from harness.models.lm_eval import tokens as lm_eval_tokens
from harness.text import well_formed
from harness.types import HarnessError, Request


class Answer(NamedTuple):
    """What was written, as it is handed on."""

    text: str
    finish_reason: Literal["stop", "length"]
    tokens: int


class Encoder:
    """A tokenizer with what this project asks of it.

    Args:
        tokenizer: the checkpoint's.
        name: what the user called the model, for messages.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, name: str) -> None:
        self.tokenizer = tokenizer
        self.name = name
        special = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
        self._special = re.compile("|".join(map(re.escape, special))) if special else None

    def encode(self, request: Request) -> list[int]:
        """The prompt's tokens, at least one.

        Raises:
            HarnessError: lm-eval's rules ask for a token that this tokenizer does not have.
        """
        text = self.render(request)
        if request.encoded_as == "lm_eval":
            return self._as_lm_eval(request, text)
        return self._tokens(request, text) or [self.start]

    def choices(self, request: Request, context: list[int]) -> tuple[list[int], ...]:
        """Tokens of each choice, as they stand after the prompt's in the tokens of both.

        By our own rules what follows changes no token of the prompt: white space that ends it
        stays there, the same for every choice, and a choice that would grow together with it is
        tokenized alone. By lm-eval's the white space is weighed with each choice, and a choice
        that has no token of its own comes back empty.
        """
        text = self.render(request)
        if request.encoded_as == "lm_eval":
            return lm_eval_tokens.of_choices(self.tokenizer, text, request.choices)
        return tuple(self._after(request, text, context, choice) for choice in request.choices)

    def decode(self, tokens: list[int]) -> str:
        """The text of tokens, without special ones."""
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True))

    def ends(self, declared: Sequence[int] | int | None) -> list[int]:
        """Every token that ends an answer: those that the checkpoint declares, and its own."""
        ends = [declared] if isinstance(declared, int) else [*(declared or ())]
        own = self.tokenizer.eos_token_id
        return sorted({int(end) for end in (*ends, own) if end is not None})

    def answer(self, tokens: list[int], ends: Sequence[int], stops: Sequence[str]) -> Answer:
        """Cut what was written at its end: an end token, a stop string, or the last token."""
        end = next((i for i, token in enumerate(tokens) if token in ends), None)
        count = len(tokens) if end is None else end + 1
        text = self.decode(tokens[:count])
        found = [at for stop in stops if (at := text.find(stop)) >= 0]
        return Answer(
            text[: min(found)] if found else text,
            "length" if end is None and not found else "stop",
            count,
        )

    @property
    def pad(self) -> int:
        """The token that fills short rows; it is masked, so any will do."""
        pad = self.tokenizer.pad_token_id
        return self.start if pad is None else int(pad)

    @property
    def start(self) -> int:
        """The token that an empty prompt begins with."""
        bos, eos = self.tokenizer.bos_token_id, self.tokenizer.eos_token_id
        return int((eos if bos is None else bos) or 0)

    def render(self, request: Request) -> str:
        """The prompt as one text, through the chat template where it is messages.

        Raises:
            HarnessError: there is no chat template, or it does not take these messages.
        """
        if isinstance(request.prompt, str):
            return well_formed(request.prompt)
        if not self.tokenizer.chat_template:
            raise HarnessError(
                f"model={self.name!r} has no chat template, and this task asks in messages; give "
                "one with backend.chat_template=FILE"
            )
        turns = [{"role": m.role, "content": self._plain(m.content)} for m in request.prompt]
        continues = turns[-1]["role"] == "assistant"
        try:
            text = self.tokenizer.apply_chat_template(
                turns,
                tokenize=False,
                add_generation_prompt=not continues,
                continue_final_message=continues,
            )
        except (TemplateError, ValueError) as error:
            raise HarnessError(
                f"the chat template of model={self.name!r} does not take these messages "
                f"({', '.join(turn['role'] for turn in turns)}): {error}; give another with "
                "backend.chat_template=FILE"
            ) from error
        return str(text)

    def _plain(self, content: str) -> str:
        """The content with the marks of special tokens broken by a zero-width space.

        What a person or a model wrote could otherwise end its own turn and begin another.
        """
        content = well_formed(content)
        if self._special is None:
            return content
        return self._special.sub(lambda match: f"{match[0][0]}\u200b{match[0][1:]}", content)

    def _tokens(self, request: Request, text: str) -> list[int]:
        special = isinstance(request.prompt, str)  # a chat template writes its own
        return list(self.tokenizer(text, add_special_tokens=special)["input_ids"])

    def _as_lm_eval(self, request: Request, text: str) -> list[int]:
        weighs = bool(request.choices)
        encode = lm_eval_tokens.to_weigh_after if weighs else lm_eval_tokens.to_write_after
        first = lm_eval_tokens.prefix(self.tokenizer)
        context = encode(self.tokenizer, text) or ([] if first is None else [first])
        if not context:
            raise HarnessError(
                f"sample {request.sample_id!r} asks for what follows no text at all, which lm-eval "
                f"begins with a token that the tokenizer of model={self.name!r} does not have "
                "(neither bos_token nor eos_token)"
            )
        return context

    def _after(self, request: Request, text: str, context: list[int], choice: str) -> list[int]:
        whole = self._tokens(request, text + choice)
        if whole[: len(context)] == context and len(whole) > len(context):
            return whole[len(context) :]
        return list(self.tokenizer(choice, add_special_tokens=False)["input_ids"])


def no_token(choices: Sequence[str], encoded: Sequence[Sequence[int]]) -> str | None:
    """Why choices cannot be weighed, where one of them has no token; None where all have."""
    grown = [choice for choice, ids in zip(choices, encoded, strict=True) if not ids]
    if not grown:
        return None
    return (
        f"choice {grown[0]!r} grows together with the end of the prompt: it has no token of its "
        "own to weigh"
    )
