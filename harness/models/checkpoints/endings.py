"""Where texts and answers end by a tokenizer and its chat template, beyond what is declared."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.types import FAMILIES, HarnessError, cache_folder, digest_files, fingerprint

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


_version = cache(version)
"""Of a package: to look one up takes as long as all else that is done for a checkpoint here."""
READ = {".json", ".jinja", ".model", ".txt"}
"""Kinds of files that decide where something ends."""
QUESTION, ANSWER, NEXT = "Which day is it?", "It is the third one.", "And after that?"
"""A dialogue that is put into a template, to see what stands between its turns."""


@dataclass(frozen=True, slots=True)
class Endings:
    """What a checkpoint's files do not say outright."""

    appended: str | None = None
    """An end that the tokenizer puts after every text; it is taken off what is to be continued."""
    turn: str | None = None
    """The token that ends an answer in the chat template and is not declared as an end."""
    follows: str | None = None
    """What follows an answer in the chat template, where no token ends it."""

    def identity(self) -> Mapping[str, str]:
        """What of it changes answers; nothing for an ordinary checkpoint."""
        facts = {}
        if self.appended:
            facts["plain_prompts"] = "without the tokenizer's own end"
        if self.turn:
            facts["end_of_turn"] = self.turn
        return facts

    def notes(self, name: str) -> list[str]:
        """What a reader of the run must know of it."""
        notes = []
        if self.appended:
            notes.append(
                f"The tokenizer of {name} ends every text with {self.appended!r}; it is taken off "
                "prompts, which are to be continued, but in lm-eval's tasks, whose tokens are "
                "lm-eval's."
            )
        if self.turn:
            notes.append(
                f"The chat template of {name} ends an answer with {self.turn!r}, "
                "which neither its generation config nor its tokenizer names as an end; answers "
                "end there."
            )
        if self.follows is not None:
            notes.append(
                f"No token ends an answer in the chat template of {name}: {self.follows!r} follows "
                "it, so that answers can go on into the next turn; end them with generation.stop."
            )
        return notes


def endings_of(
    folder: Path, name: str, template: str | None, trust_remote_code: bool, is_pair: bool = False
) -> Endings:
    """What the checkpoint's tokenizer and chat template do; looked for once for each change.

    Args:
        folder: of the checkpoint.
        name: what the user called it.
        template: text of a chat template instead of its own.
        trust_remote_code: whether it may run Python of its own.
        is_pair: whether an encoder reads prompts, to the end that the tokenizer puts after them.

    Raises:
        HarnessError: transformers cannot load the tokenizer.
    """
    endings = _known(folder, name, template, trust_remote_code)
    return replace(endings, appended=None) if is_pair else endings


def _known(folder: Path, name: str, template: str | None, trust_remote_code: bool) -> Endings:
    """What was found before of the same files, or is now."""
    files = digest_files([path for path in folder.iterdir() if path.suffix in READ])
    content = {"files": files, "template": template, "transformers": _version("transformers")}
    remembered = cache_folder() / "endings" / f"{fingerprint(content)}-{files[:16]}.json"
    try:
        return Endings(**json.loads(remembered.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        pass
    endings = _look(folder, name, template, trust_remote_code)
    try:
        remembered.parent.mkdir(parents=True, exist_ok=True)
        partial = remembered.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(asdict(endings)), encoding="utf-8")
        partial.replace(remembered)
    except OSError:
        pass  # a cache that cannot be written only costs time
    return endings


def _look(folder: Path, name: str, template: str | None, trust_remote_code: bool) -> Endings:
    import transformers

    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            folder, trust_remote_code=trust_remote_code
        )
    except Exception as error:
        reason = [type(error).__name__, *str(error).strip().splitlines()[:1]]
        raise HarnessError(
            f"the tokenizer of model={name!r} cannot be loaded by transformers "
            f"{transformers.__version__}: {', '.join(reason)[:300]}"
        ) from error
    if template:
        tokenizer.chat_template = template
    tokenizer_ends = {tokenizer.eos_token_id} - {None}
    declared = declared_ends(folder) | tokenizer_ends
    added = appended(tokenizer, declared, True) or appended(tokenizer, declared, False)
    after = after_answer(tokenizer)
    turn = end_of_turn(tokenizer, after, declared)
    return Endings(
        str(tokenizer.convert_ids_to_tokens(added[0])) if added else None,
        str(tokenizer.convert_ids_to_tokens(turn)) if turn is not None else None,
        after
        if turn is None and after is not None and not _ends(tokenizer, after, declared)
        else None,
    )


def declared_ends(folder: Path) -> set[int]:
    """The end tokens that a checkpoint names: in its generation config, or else in its config."""
    for file in ("generation_config.json", "config.json"):
        try:
            content: Any = json.loads((folder / file).read_text("utf-8"))
        except (OSError, ValueError):
            continue
        named = content.get("eos_token_id") or (content.get("text_config") or {}).get(
            "eos_token_id"
        )
        return {named} if isinstance(named, int) else set(named or ())
    return set()


def appended(tokenizer: PreTrainedTokenizerBase, ends: Collection[int], special: bool) -> list[int]:
    """End tokens that the tokenizer puts after every text.

    Args:
        tokenizer: of a model.
        ends: tokens that end something.
        special: whether it is asked to put special tokens around a text.
    """
    first, second = (
        list(tokenizer(text, add_special_tokens=special)["input_ids"]) for text in ("a", "b")
    )
    known = {*ends, tokenizer.eos_token_id, tokenizer.sep_token_id}
    common: list[int] = []
    while first and second and first[-1] == second[-1] and first[-1] in known:
        common.insert(0, first.pop())
        second.pop()
    return common


def after_answer(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """What the chat template puts after an answer; None where it has none or shows none."""
    if not tokenizer.chat_template:
        return None
    turns = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]
    last = _rendered(tokenizer, turns).rpartition(ANSWER)
    if last[1] and last[2].strip():
        return last[2]
    among = _rendered(tokenizer, [*turns, {"role": "user", "content": NEXT}])
    between = among.partition(ANSWER)[2].rpartition(NEXT)
    return between[0] if between[1] else last[2] if last[1] else None


def end_of_turn(
    tokenizer: PreTrainedTokenizerBase, after: str | None, ends: Collection[int]
) -> int | None:
    """The token that ends an answer by the template, where none of the declared ends does.

    Only a token of its own, as `<|im_end|>` is, says that a turn is over; a line break does not.

    Args:
        tokenizer: of a model.
        after: what the template puts after an answer.
        ends: tokens that are known to end one.
    """
    if after is None or _ends(tokenizer, after, ends):
        return None
    marks = {str(token): number for number, token in tokenizer.added_tokens_decoder.items()}
    begins = [mark for mark in marks if mark.strip() and after.lstrip().startswith(mark)]
    return marks[max(begins, key=len)] if begins else None


def _ends(tokenizer: PreTrainedTokenizerBase, after: str, ends: Collection[int]) -> bool:
    """Whether a declared end is among what follows an answer, or it is a thought that is over.

    Where a template sets thinking apart in a turn of its own, as harmony does, that turn's end is
    none of the answer's.
    """
    template = str(tokenizer.chat_template)
    inner = {mark for family in FAMILIES if family.start in template for mark in family.inside}
    if any(after.lstrip().startswith(mark) for mark in inner):
        return True
    marks = tokenizer.convert_ids_to_tokens(sorted(ends))
    return any(mark and mark in after for mark in marks)


def _rendered(tokenizer: PreTrainedTokenizerBase, turns: list[dict[str, str]]) -> str:
    """The dialogue by the template; nothing where it does not take it."""
    from jinja2 import TemplateError

    try:
        return str(tokenizer.apply_chat_template(turns, tokenize=False))
    except (TemplateError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError):
        return ""
