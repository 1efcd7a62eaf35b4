"""Tokens of a choice after a prompt: what follows the boundary between their texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

ANCHORS = ("", "\n", "|", "a", "0")
"""Texts behind which a choice is cut by itself: some tokenizers put a space before a first word."""


def after(
    ids: Callable[[str], list[int]],
    decode: Callable[[list[int]], str],
    whole: list[int],
    context: list[int],
    choice: str,
) -> list[int]:
    """The choice's own tokens, after the prompt's, which stay as they are.

    Args:
        ids: makes tokens of a text, without special ones.
        decode: makes a text of tokens, special ones too.
        whole: tokens of the prompt with the choice behind it.
        context: tokens of the prompt.
        choice: that is weighed.

    Returns:
        The tokens of both beyond the prompt's. Where a token of theirs spans the boundary, those
        of the choice by itself, whose text after the prompt's is the choice and nothing else; none
        where there are no such.
    """
    if whole[: len(context)] == context and len(whole) > len(context):
        return whole[len(context) :]
    text = decode(context) + choice
    for anchor in ANCHORS:
        before, both = ids(anchor), ids(anchor + choice)
        tokens = both[len(before) :]
        if tokens and both[: len(before)] == before and decode([*context, *tokens]) == text:
            return tokens
    return []


def no_token(choices: Sequence[str], encoded: Sequence[Sequence[int]]) -> str | None:
    """Why choices cannot be weighed, where one of them has no token; None where all have."""
    grown = [choice for choice, ids in zip(choices, encoded, strict=True) if not ids]
    if not grown:
        return None
    return (
        f"choice {grown[0]!r} grows together with the end of the prompt: it has no token of its "
        "own to weigh"
    )
