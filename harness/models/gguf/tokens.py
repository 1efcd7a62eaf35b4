"""Texts in tokens as a GGUF file says: by its vocabulary, its merges or scores, and its cuts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import regex

Tokenize = Callable[[str], list[int]]

WORDS = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""How GPT-2 cuts a text before it merges."""
CUT_AS_WORDS = {"gpt-2", "phi-2", "mpt", "olmo", "jais", "jina-es", "jina-de", "jina-v2-es",
                "jina-v2-de", "gigachat", "modern-bert"}  # fmt: skip
"""Names of cuts (`tokenizer.ggml.pre`) that are GPT-2's."""
CUT_AT_DIGITS = {"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone"}
"""Those that set each digit apart first."""
WHOLE_FIRST = {"llama3", "llama-v3", "llama-bpe", "falcon3", "pixtral", "tekken"}
"""Those of which a piece that is a token is not merged from parts."""
BYTE, SPACE = "<0x{:02X}>", "\u2581"
"""How a vocabulary of SentencePiece writes a byte, and a space."""


def tokenizer_of(fields: Mapping[str, Any]) -> Tokenize | None:
    """What turns a text into tokens as llama.cpp does by these fields; None: not known here.

    Args:
        fields: `tokenizer.ggml.*` of a file, by the last part of their names.
    """
    vocabulary = {token: number for number, token in enumerate(fields["tokens"])}
    if fields.get("model") == "llama" and "scores" in fields:
        prefix = bool(fields.get("add_space_prefix", True))
        return lambda text: by_scores(text, vocabulary, fields["scores"], prefix)
    cuts = cuts_of(str(fields.get("pre")))
    if fields.get("model") != "gpt2" or not cuts or "merges" not in fields:
        return None
    ranks = {tuple(merge.split(" ")): n for n, merge in enumerate(fields["merges"])}
    whole = fields.get("pre") in WHOLE_FIRST
    return lambda text: by_merges(text, vocabulary, ranks, cuts, whole)


def cuts_of(pre: str) -> list[str]:
    """Patterns that cut a text, one after another; none where the name is not known here."""
    if pre in CUT_AS_WORDS:
        return [WORDS]
    if pre in CUT_AT_DIGITS:
        return [r"\p{N}", WORDS]
    from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS

    known = GGUF_PRE_TOKENIZER_SPLITS.get(pre)
    return [known] if known else []


def by_merges(
    text: str,
    vocabulary: Mapping[str, int],
    ranks: Mapping[tuple[str, ...], int],
    cuts: Sequence[str],
    whole: bool = False,
) -> list[int]:
    """Byte-level pairs, the earliest merge first (Sennrich et al. 2016; Radford et al. 2019).

    Args:
        text: any.
        vocabulary: number of each token, in letters that stand for bytes.
        ranks: of each merge, in the order in which they were learned.
        cuts: patterns between whose matches nothing is merged.
        whole: whether a piece that is a token stays as it is.
    """
    pieces = [text]
    for pattern in cuts:
        pieces = [part for piece in pieces for part in _cut(piece, pattern)]
    tokens: list[int] = []
    for piece in pieces:
        spelt = "".join(_letters()[byte] for byte in piece.encode("utf-8"))
        if whole and spelt in vocabulary:
            tokens.append(vocabulary[spelt])
            continue
        symbols = _merged(list(spelt), lambda a, b: -ranks.get((a, b), len(ranks) + 1), -len(ranks))
        tokens += [vocabulary[symbol] for symbol in symbols if symbol in vocabulary]
    return tokens


def by_scores(
    text: str, vocabulary: Mapping[str, int], scores: Sequence[float], prefix: bool
) -> list[int]:
    """SentencePiece's pairs, the best score first (Kudo and Richardson 2018); bytes for the others.

    Args:
        text: any; of none there are no tokens.
        vocabulary: number of each token.
        scores: of each token.
        prefix: whether a space is put before the text.
    """
    if not text:
        return []
    spelt = (" " * prefix + text).replace(" ", SPACE)
    none = float("-inf")

    def score(a: str, b: str) -> float:
        return scores[vocabulary[a + b]] if a + b in vocabulary else none

    tokens: list[int] = []
    for symbol in _merged(list(spelt), score, none):
        if symbol in vocabulary:
            tokens.append(vocabulary[symbol])
        else:
            tokens += [vocabulary[BYTE.format(byte)] for byte in symbol.encode("utf-8")]
    return tokens


def _merged(symbols: list[str], worth: Callable[[str, str], float], none: float) -> list[str]:
    """Symbols after the pair of the highest worth, the first of equals, was joined again and again.

    Args:
        symbols: at first letters.
        worth: of a pair.
        none: the worth below or at which nothing is joined.
    """
    while len(symbols) > 1:
        worths = [worth(a, b) for a, b in pairwise(symbols)]
        best = max(worths)
        if best < none or best == float("-inf"):
            break
        place = worths.index(best)
        symbols[place : place + 2] = [symbols[place] + symbols[place + 1]]
    return symbols


def _cut(text: str, pattern: str) -> list[str]:
    """The matches of a pattern and what stands between them."""
    pieces, end = [], 0
    for match in regex.finditer(pattern, text):
        pieces += [text[end : match.start()], match[0]]
        end = match.end()
    return [piece for piece in (*pieces, text[end:]) if piece]


@cache
def _letters() -> Sequence[str]:
    """The letter that stands for each byte: printable ones for themselves (Radford et al. 2019)."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    spare_codes = iter(range(0x100, 0x200))
    return [chr(byte) if byte in plain else chr(next(spare_codes)) for byte in range(256)]
