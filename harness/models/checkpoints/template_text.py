"""A checkpoint's chat template as text: the marks it names, and the day that it is told."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from harness.types import HarnessError, digest_file, named_in

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


DAY = "2025-01-01"
"""The day that a template is told where no option says another: the same for every run, so that
what is asked does not change with the calendar."""
CLOCK = "strftime_now"
"""By what templates ask for the day; transformers offers nothing else."""
DIRECTIVES = "aAbBcdefgHIjklmMpPsSuUwWxXyYGVCDFRTDhnrtzZ"
"""Letters that say in a format what is written of a time."""
OF_THE_PROMPT = {"messages", "tools", "documents", "add_generation_prompt", "strftime_now"}
"""Variables of a template that hold what is asked."""
BEFORE_MODEL = b'"normalizer"'
"""What follows the added tokens in a tokenizer.json, before its vocabulary."""


def parse_day(today: str) -> date:
    """The day that an option names.

    Raises:
        HarnessError: it names none.
    """
    try:
        return date.fromisoformat(str(today))
    except ValueError as error:
        raise HarnessError(
            f"backend.today={today!r} is no day; write it as in backend.today=2025-01-31"
        ) from error


def template_of(folder: Path, chosen: str | None) -> str:
    """The text of all chat templates of a checkpoint, or of the file that was chosen instead.

    Raises:
        HarnessError: the file cannot be read as text.
    """
    if chosen:
        try:
            return Path(chosen).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise HarnessError(
                f"backend.chat_template={chosen!r} cannot be read as text ({error})"
            ) from error
    files = [*sorted(folder.glob("*.jinja")), *sorted(folder.glob("additional_chat_templates/*"))]
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in files]
    for name in ("chat_template.json", "tokenizer_config.json"):
        try:
            content = json.loads((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):  # none, or what the tokenizer's own reader will complain of
            continue
        template = content.get("chat_template") if isinstance(content, dict) else None
        if template:
            texts.append(template if isinstance(template, str) else json.dumps(template))
    return "\n".join(texts)


def marks_of(folder: Path, template: str) -> str | None:
    """The marks of thinking that a template or a tokenizer's added tokens name; None: none."""
    texts = [template]
    for name in ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"):
        path = folder / name
        if path.is_file():
            texts.append(_unescaped(path.read_bytes()))
    if (tokenizer := folder / "tokenizer.json").is_file():
        texts.append(_unescaped(tokenizer.read_bytes().partition(BEFORE_MODEL)[0]))
    families = {family.start: family for text in texts for family in named_in(text)}
    return " ".join(f"{f.start}{f.end}" for _, f in sorted(families.items())) or None


def with_fixed_day(template: str, today: date) -> str:
    """The template with a clock of its own, which stands still at the beginning of a day.

    A macro of the same name hides the function that gives the time; transformers takes none from
    outside.
    """
    if not re.search(rf"\b{CLOCK}\b", template):
        return template
    now = datetime.combine(today, time())
    written = {f"%{letter}": now.strftime(f"%{letter}") for letter in dict.fromkeys(DIRECTIVES)}
    written |= {f"%-{letter}": now.strftime(f"%-{letter}") for letter in "dmHIMSjyeU"}
    steps = "".join(f".replace({key!r}, {value!r})" for key, value in written.items())
    body = f"format.replace('%%', '\\0'){steps}.replace('\\0', '%')"
    return f"{{%- macro {CLOCK}(format) -%}}{{{{- {body} -}}}}{{%- endmacro %}}\n{template}"


def set_template(
    tokenizer: PreTrainedTokenizerBase,
    chosen: str | None,
    today: date,
    args: Mapping[str, object] = MappingProxyType({}),
    name: str = "",
) -> None:
    """Give a tokenizer the template that was chosen, if any, and that one a fixed day.

    Args:
        tokenizer: that is changed.
        chosen: the text of a template instead of its own.
        today: the day that the template is told.
        args: variables of the template that are set.
        name: what the user called the model, for messages.

    Raises:
        HarnessError: the template does not read one of the variables.
    """
    template = chosen or tokenizer.chat_template
    if isinstance(template, dict):
        texts = {
            purpose: with_args(text, args if purpose == "default" else {}, name)
            for purpose, text in template.items()
        }
        tokenizer.chat_template = {
            purpose: with_fixed_day(text, today) for purpose, text in texts.items()
        }
    elif template:
        tokenizer.chat_template = with_fixed_day(with_args(template, args, name), today)
    elif args:
        raise HarnessError(
            f"backend.template_args is for a chat template, and model={name!r} has none; give one "
            "with backend.chat_template=FILE"
        )


def with_args(template: str, args: Mapping[str, object], name: str) -> str:
    """The template with variables of its own set: `enable_thinking`, for example.

    Args:
        template: the text.
        args: by the variable's name; text, numbers, yes and no, lists and mappings of them.
        name: what the user called the model, for messages.

    Raises:
        HarnessError: the template does not read a variable, or is given what it is to be asked.
    """
    lines = []
    for variable, value in args.items():
        where = f"backend.template_args.{variable}"
        if variable in OF_THE_PROMPT:
            raise HarnessError(f"{where} would hide what is asked; leave it away")
        if not variable.isidentifier() or not re.search(rf"\b{variable}\b", template):
            raise HarnessError(
                f"{where}: the chat template of model={name!r} reads no {variable!r}; of its words "
                f"nearest are {', '.join(_near(variable, template)) or 'none'}"
            )
        lines.append(f"{{%- set {variable} = {_literal(value, where)} -%}}")
    return "".join([*lines, template])


def _near(variable: str, template: str) -> list[str]:
    return get_close_matches(variable, set(re.findall(r"[a-z_]{4,}", template)), n=3, cutoff=0.5)


def _literal(value: object, where: str) -> str:
    """A value in Jinja's own writing.

    Raises:
        HarnessError: there is none for it.
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | str):
        return json.dumps(value)
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(str(k))}: {_literal(v, where)}" for k, v in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, Sequence):
        return f"[{', '.join(_literal(part, where) for part in value)}]"
    raise HarnessError(f"{where}={value!r} is neither text, a number, yes or no, nor a list")


def _unescaped(content: bytes) -> str:
    """JSON as text, with characters that are escaped in it as they are."""
    text = content.decode("utf-8", "replace")
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code[1], 16)), text)


def digest_template(path: str) -> str:
    """The digest of a template's file.

    Raises:
        HarnessError: it cannot be read.
    """
    try:
        return digest_file(Path(path))
    except OSError as error:
        raise HarnessError(
            f"backend.chat_template={path!r} cannot be read ({error.strerror})"
        ) from error
