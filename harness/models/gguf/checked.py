"""A rebuilt tokenizer against the GGUF file that it was rebuilt from, on 200 texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Any

from tokenizers import pre_tokenizers

from harness.models.gguf.tokens import CUT_AT_DIGITS, tokenizer_of

COUNT = 200
WORDS = (
    "care",
    "naïve",
    "Straße",
    "больница",
    "患者さん",
    "医生",
    "مستشفى",
    "אחות",
    "병원",
    "चिकित्सक",
)
"""Of ten scripts and spellings."""
FRAMES = (
    "{}", " {}", "{} {}", "{}  {}", "{}\n\n{}", "\t{}\n", "{}'s {}, isn't it?", "I'LL {}!",
    "{}: 2024-11-29, 3.14159 or 1,000,000", "12 {} 345 6789", "({}) [{}] <{}>", "x_{} = f({}, 7);",
    "https://example.org/{}?q=1&r=%20", "{}…“{}” — {}", "{}👩‍⚕️{}🙂", "{}\u00a0{}\u200b{}",
    "AbcDEF{}Ghi", "¿{}? ½ x² ∑", "Q: {}\nA. {}\nB. {}\nAnswer:", "\r\n{}\r\n    {}",
)  # fmt: skip
"""What a prompt can hold: spaces, lines, digits, code, addresses, marks, emoji."""


def texts() -> Iterator[str]:
    """The texts: each word in each frame."""
    for frame, word in islice(product(FRAMES, WORDS), COUNT):
        yield frame.replace("{}", word)


def check_tokens(tokenizer: Any, fields: Mapping[str, Any]) -> str:
    """What is to be said of a tokenizer beside its file.

    Args:
        tokenizer: of transformers.
        fields: `tokenizer.ggml.*` of the file, by the last part of their names.
    """
    tokenize = tokenizer_of(fields)
    if tokenize is None:
        kind, pre = fields.get("model"), fields.get("pre")
        return f"is not held against it: how {kind!r} with cuts {pre!r} works is not known here"
    differ = []
    for text in texts():
        rebuilt = list(tokenizer(text, add_special_tokens=False)["input_ids"])
        if rebuilt != (wanted := tokenize(text)):
            differ.append((text, rebuilt, wanted))
    if not differ:
        return f"cuts all of {COUNT} texts as the file says"
    text, rebuilt, wanted = min(differ, key=lambda case: len(case[0]))
    pieces = [[fields["tokens"][n] for n in numbers] for numbers in (rebuilt, wanted)]
    return (
        f"cuts {len(differ)} of {COUNT} texts otherwise than the file says, {text!r} into "
        f"{pieces[0]} for {pieces[1]}, so that what it is asked is not quite what llama.cpp asks"
    )


def as_the_file_cuts(tokenizer: Any, fields: Mapping[str, Any]) -> Any:
    """The tokenizer with each digit apart where the file says so, which transformers 5.23 does not.

    Args:
        tokenizer: of transformers; it is changed.
        fields: `tokenizer.ggml.*` of the file, by the last part of their names.
    """
    if fields.get("model") == "gpt2" and fields.get("pre") in CUT_AT_DIGITS:
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False),
            ]
        )
    return tokenizer
