"""From prompts to tokens: the chat template, choices, and special tokens kept out of texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Literal, NamedTuple

from transformers import PreTrainedTokenizerBase

from harness.models.checkpoints.check_rendered import (
    Turn,
    check_open_thought,
    check_rendered,
    opened_by,
    without_system,
)
from harness.models.checkpoints.endings import after_answer, appended, end_of_turn
from harness.models.checkpoints.unset import notes_on_unset
from harness.models.checkpoints.vendor import vendor_text, with_vendor_text
from harness.models.hf.choices import after
from harness.models.lm_eval import tokens as lm_eval_tokens
from harness.types import HarnessError, Prompt, Request, Unrenderable, tokens_of_marks, well_formed


class Answer(NamedTuple):
    """What was written, as it is handed on."""

    text: str
    finish_reason: Literal["stop", "length"]
    tokens: int


class PromptEncoder:
    """A tokenizer with what this project asks of it.

    Args:
        tokenizer: the checkpoint's.
        name: what the user called the model, for messages.
        apart: whether an answer is a text of its own, as a decoder writes it whose encoder has
            read the prompt; prompts then end as the tokenizer ends texts.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, name: str, apart: bool = False) -> None:
        self.tokenizer = tokenizer
        self.name = name
        self._apart = apart
        self.notes: list[str] = []
        """What was found of the template while prompts were rendered."""
        self._appended = {special: appended(tokenizer, (), special) for special in (True, False)}
        special = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
        self._special = re.compile("|".join(map(re.escape, special))) if special else None
        marks = tokens_of_marks(special)
        self._marks = frozenset(tokenizer.convert_tokens_to_ids(sorted(marks)))
        """Special tokens between which a model thinks: texts keep them."""
        self._dropped = frozenset(tokenizer.all_special_ids) | {
            number for number, token in tokenizer.added_tokens_decoder.items() if token.special
        }
        self._rendered = lru_cache(maxsize=4)(self._render)
        self._stops = lru_cache(maxsize=4)(self._find_stops)
        self._vendor = lru_cache(maxsize=1)(self._find_vendor_text)

    def encode(self, request: Request) -> list[int]:
        """The prompt's tokens, at least one.

        Raises:
            HarnessError: lm-eval's rules ask for a token that this tokenizer does not have.
        """
        text = self.render(request)
        if request.encoded_as == "lm_eval":
            return self._as_lm_eval(request, text)
        if self._apart:
            return list(self.tokenizer(well_formed(text))["input_ids"]) or [self.start]
        return self._tokens(request, text) or [self.start]

    def choices(self, request: Request, context: list[int]) -> tuple[list[int], ...]:
        """Tokens of each choice, as they stand after the prompt's in the tokens of both.

        By our own rules what follows changes no token of the prompt: white space that ends it
        stays there, the same for every choice, and a choice that would grow together with it is
        cut by itself, at the boundary of the texts. By lm-eval's the white space is weighed with
        each choice, and a choice that has no token of its own comes back empty.
        """
        text = self.render(request)
        if request.encoded_as == "lm_eval":
            return lm_eval_tokens.of_choices(self.tokenizer, text, request.choices)
        return tuple(self._after(request, text, context, choice) for choice in request.choices)

    def count_tokens(self, requests: Sequence[Request]) -> list[int]:
        """Tokens of each prompt, and of the choices after it."""
        prompts = [self.encode(request) for request in requests]
        return [
            len(prompt) + sum(map(len, self.choices(request, prompt)))
            for request, prompt in zip(requests, prompts, strict=True)
        ]

    def decode(self, tokens: list[int]) -> str:
        """The text of tokens, without special ones but for marks of thinking."""
        if not self._marks.isdisjoint(tokens):
            visible_tokens = [t for t in tokens if t in self._marks or t not in self._dropped]
            return str(self.tokenizer.decode(visible_tokens, skip_special_tokens=False))
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True))

    def ends(self, declared: Sequence[int] | int | None) -> list[int]:
        """Every token that ends an answer: those declared, the tokenizer's, the template's."""
        named = [declared] if isinstance(declared, int) else [*(declared or ())]
        ends = {int(end) for end in (*named, self.tokenizer.eos_token_id) if end is not None}
        self._appended = {
            special: appended(self.tokenizer, ends, special) for special in (True, False)
        }
        turn = end_of_turn(self.tokenizer, after_answer(self.tokenizer), ends)
        return sorted(ends | ({turn} if turn is not None else set()))

    def answer(self, tokens: list[int], ends: Sequence[int], stops: Sequence[str]) -> Answer:
        """Cut what was written at its end: an end token, a stop string, or the last token."""
        end = next((i for i, token in enumerate(tokens) if token in ends), None)
        count = len(tokens) if end is None else end + 1
        text = self.decode(tokens[:end])  # an end need not be a special token
        stops_at = [at for stop in stops if (at := text.find(stop)) >= 0]
        return Answer(
            text[: min(stops_at)] if stops_at else text,
            "length" if end is None and not stops_at else "stop",
            count,
        )

    def stopping(self, ends: Sequence[int], stops: Sequence[str]) -> list[int]:
        """The ends, and the stop strings that are special tokens, which texts leave out.

        Raises:
            HarnessError: a stop string holds such a token beside other text.
        """
        return [*ends, *self._stops(tuple(stops))]

    def _find_stops(self, stops: tuple[str, ...]) -> list[int]:
        if not stops:
            return []
        known = self.tokenizer.added_tokens_decoder
        special = {str(token): n for n, token in known.items() if n in self._dropped - self._marks}
        for stop in stops:
            held = next((mark for mark in special if mark in stop and mark != stop), None)
            if held is not None and stop not in special:
                raise HarnessError(
                    f"generation.stop has {stop!r}, and texts of model={self.name!r} leave out "
                    f"its special token {held!r}, so that it would never be found; give the token "
                    "or the text alone"
                )
        return [special[stop] for stop in stops if stop in special]

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
            Unrenderable: there is no chat template, it does not take these messages, or it leaves
                a message out.
            HarnessError: it opens thinking where an answer is begun or weighed.
        """
        text, opened = self._rendered(request.prompt)
        weighed = bool(request.choices) or _begun(request.prompt)
        check_open_thought(opened, weighed, f"the chat template of model={self.name!r}")
        return text

    def opened(self, request: Request) -> str | None:
        """The start mark of thinking that the rendered prompt ends with; None: it opens none."""
        return self._rendered(request.prompt)[1]

    def vendor_text(self) -> str | None:
        """The system text that the chat template writes where none is asked for."""
        return self._vendor() if self.tokenizer.chat_template else None

    def _render(self, prompt: Prompt) -> tuple[str, str | None]:
        """A prompt as one text, and the mark of thinking that it leaves open."""
        if isinstance(prompt, str):
            return well_formed(prompt), None
        if not self.tokenizer.chat_template:
            raise Unrenderable(
                f"model={self.name!r} has no chat template, and this task asks in messages; give "
                "one with backend.chat_template=FILE"
            )
        turns: list[Turn] = [{"role": m.role, "content": self._plain(m.content)} for m in prompt]
        if prompt[0].after_vendor and (vendor := self.vendor_text()):
            turns = with_vendor_text(turns, vendor, self._apply)
        text, rendered = self._whole(turns)
        return text, opened_by(rendered, text)

    def _whole(self, turns: Sequence[Turn]) -> tuple[str, Sequence[Turn]]:
        """The rendered turns; a system text goes before the first user's where it has no place.

        Raises:
            Unrenderable: a message is left out or changed all the same.
        """
        subject = f"the chat template of model={self.name!r}"
        self._note(*notes_on_unset(self.tokenizer, self.name))
        try:
            text = self._apply(turns)
            check_rendered(turns, text, subject)
            return text, turns
        except Unrenderable as error:
            if (folded := without_system(turns)) is None:
                raise
            with suppress(Unrenderable):
                text = self._apply(folded)
                check_rendered(folded, text, subject)
                self._note(
                    f"{subject} has no place for a system text, which went before the first user "
                    "turn"
                )
                return text, folded
            raise error

    def _note(self, *notes: str) -> None:
        self.notes = list(dict.fromkeys([*self.notes, *notes]))

    def _apply(self, turns: Sequence[Turn]) -> str:
        continues = turns[-1]["role"] == "assistant"
        try:
            text = self.tokenizer.apply_chat_template(
                turns,
                tokenize=False,
                add_generation_prompt=not continues,
                continue_final_message=continues,
            )
        except Exception as error:  # a template is a program: it can raise whatever Python can
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            raise Unrenderable(
                f"the chat template of model={self.name!r} does not take these messages "
                f"({', '.join(turn['role'] for turn in turns)}; {reason}); give another with "
                "backend.chat_template=FILE"
            ) from error
        return str(text)

    def _find_vendor_text(self) -> str | None:
        added = [str(token) for token in self.tokenizer.added_tokens_decoder.values()]
        return vendor_text(self._apply, added)

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
        tokens, bos = self._ids(text, special), self.tokenizer.bos_token_id
        twice = special and bos is not None and tokens[:2] == [bos, bos]
        return tokens[1:] if twice else tokens  # a text that begins with the mark itself

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
        if self._apart:
            return self._ids(choice, special=False)
        whole = self._tokens(request, text + choice)
        if not text and whole[:1] != context:  # the start stands for no text at all
            return whole
        return after(lambda part: self._ids(part, special=False), self._all, whole, context, choice)

    def _all(self, tokens: list[int]) -> str:
        """The text of tokens, special ones and spaces as they are."""
        return str(self.tokenizer.decode(tokens, clean_up_tokenization_spaces=False))

    def _ids(self, text: str, special: bool) -> list[int]:
        """The tokens of a text, without an end that the tokenizer puts after it."""
        tokens = list(self.tokenizer(well_formed(text), add_special_tokens=special)["input_ids"])
        end = self._appended[special]
        return tokens[: -len(end)] if end and tokens[-len(end) :] == end else tokens


def _begun(prompt: Prompt) -> bool:
    """Whether the model is to go on with an answer that was begun."""
    return not isinstance(prompt, str) and prompt[-1].role == "assistant"
