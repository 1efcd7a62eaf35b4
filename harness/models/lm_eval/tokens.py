"""How lm-eval's models of transformers make tokens of a text, and of a choice after it.

Seen in lm-eval 0.4.13: `TemplateLM.loglikelihood` and `_encode_pair` in lm_eval/api/model.py,
`HFLM.tok_encode` and `tok_batch_encode` in lm_eval/models/huggingface.py, of one text at a time.
A tokenizer that ends every text keeps its end here, as lm-eval does: that number is lm-eval's too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def apart(context: str, choice: str) -> tuple[str, str]:
    """Both texts, with the white space that ends the context at the head of the choice."""
    bare = context.rstrip()
    return bare, context[len(bare) :] + choice


def prefix(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """The token that an empty context becomes; None where the tokenizer has none."""
    begins, ends = tokenizer.bos_token_id, tokenizer.eos_token_id
    token = ends if begins is None else begins
    return None if token is None else int(token)


def to_write_after(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """The tokens of a text that an answer is to follow."""
    begins = tokenizer.bos_token
    return _encode(tokenizer, text, not (begins and text.startswith(str(begins))))


def to_weigh_after(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """The tokens of a text that choices are weighed after; none where it becomes none."""
    if not text:
        return []
    return _whole(tokenizer, text.rstrip())


def of_choices(
    tokenizer: PreTrainedTokenizerBase, text: str, choices: Sequence[str]
) -> tuple[list[int], ...]:
    """What is weighed of each choice: the tokens of both texts beyond as many as the first has.

    Where the two grow together at the join, that is not the choice alone, and may be nothing.
    """
    if text:
        length = len(to_weigh_after(tokenizer, text))
        return tuple(_whole(tokenizer, text + choice)[length:] for choice in choices)
    alone = [_encode(tokenizer, choice, special=False) for choice in choices]
    first = prefix(tokenizer)
    return tuple(tokens[1:] if tokens[:1] == [first] else tokens for tokens in alone)


def _whole(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """With special tokens, unless the text itself begins with the one that begins texts."""
    first = prefix(tokenizer)
    begun = first is not None and text.startswith(str(tokenizer.decode(first)))
    return _encode(tokenizer, text, not begun)


def _encode(tokenizer: PreTrainedTokenizerBase, text: str, special: bool) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=special))
