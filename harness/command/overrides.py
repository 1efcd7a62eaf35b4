"""What stands on the command line, before Hydra reads it: texts from files, and what to quote."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.types import HarnessError, up_to

FROM_FILE = re.compile(r"([+~]*[^=\s]+=)@(.*)", re.DOTALL)
"""`KEY=@FILE`: the value is the text of a file. A text that begins with @ is quoted instead."""
STACK = re.compile(r"mitigation=\[([^\[\]]*)\]")
"""`mitigation=[A,B]`: several, in order."""
PLAIN = re.compile(
    r"(?!(?:true|false|null|none|yes|no|on|off|nan|inf)\Z)[a-z_/][\w./+-]*", re.I | re.A
)
"""Text that Hydra reads as the text that it is, without quotes."""
SEVERAL = re.compile(r"([+~]*[\w.@/]*\bdevice(?:_memory)?)=([\w:.-]+(?:,[\w:.-]+)+)", re.ASCII)
"""`backend.device=cuda:0,cuda:1`: a list that is one value."""
_WORD = r"(?:[\w./+@:~-]|[^\x00-\x7f\s])+"
ANY_LETTERS = re.compile(rf"([+~]*[\w.@/]+)=({_WORD}|\[{_WORD}(?:,{_WORD})*\])", re.ASCII)
"""`KEY=VALUE` or `KEY=[VALUE,VALUE]`, of letters in any script and what paths have besides."""
MOST_SHOWN = 300
"""Characters of an override that a message repeats."""


def with_texts(arguments: Sequence[str]) -> list[str]:
    """The arguments with the text of the file in the place of each `KEY=@FILE`.

    Raises:
        HarnessError: a file cannot be read as text.
    """
    return [
        f"{match[1]}{quoted(_text(argument, Path(match[2])))}"
        if (match := FROM_FILE.fullmatch(argument))
        else argument
        for argument in arguments
    ]


def with_letters(arguments: Sequence[str]) -> list[str]:
    """The arguments with quotes around values whose letters Hydra's grammar lacks.

    >>> with_letters(["run=results/runs/t-\u6a21\u578b-1", "limit=5", "runs=[a,\u6a21]"])
    ['run="results/runs/t-\u6a21\u578b-1"', 'limit=5', 'runs=["a","\u6a21"]']
    """
    return [
        f"{match[1]}={_quoted_words(match[2])}"
        if not argument.isascii() and (match := ANY_LETTERS.fullmatch(argument))
        else argument
        for argument in arguments
    ]


def with_devices(arguments: Sequence[str]) -> list[str]:
    """The arguments with quotes around lists of devices, where no value is one of a sweep.

    >>> with_devices(["backend.device=cuda:0,cuda:1", "seed=1,2"])
    ['backend.device="cuda:0,cuda:1"', 'seed=1,2']
    """
    return [
        f"{match[1]}={quoted(match[2])}" if (match := SEVERAL.fullmatch(argument)) else argument
        for argument in arguments
    ]


def _quoted_words(value: str) -> str:
    if not value.startswith("["):
        return quoted(value)
    return f"[{','.join(map(quoted, value[1:-1].split(',')))}]"


def with_stacks(arguments: Sequence[str]) -> list[str]:
    """The arguments with a group of its own for each mitigation of `mitigation=[A,B]`.

    So their options are `mitigations.A.text=...`, beside each other. One alone is `mitigation=A`.

    Raises:
        HarnessError: a mitigation stands twice in the list, or beside `none`.
    """
    return [part for argument in arguments for part in _parts(argument)]


def check(overrides: Sequence[str], sweeps: bool) -> None:
    """Refuse what Hydra's grammar does not take, and say how it is to be quoted.

    Args:
        overrides: `KEY=VALUE`, as the shell gave them.
        sweeps: commas part the values of a sweep.

    Raises:
        HarnessError: one of them cannot be read, or could be read as a sweep.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser = OverridesParser.create()
    for override in overrides:
        if "=" not in override or _is_plain(override):
            continue
        try:
            swept = parser.parse_override(override).is_sweep_override()
        except HydraException as error:
            raise HarnessError(
                f"{_shown(override)} is not in Hydra's grammar; {_remedy(override)}"
            ) from error
        if swept and not sweeps:
            raise HarnessError(
                f"{_shown(override)} lists several values, which only --multirun takes; "
                f"{_remedy(override)}"
            )


def refuse_valueless(overrides: Sequence[str]) -> None:
    """Refuse what has no value, or no key.

    Raises:
        HarnessError: one of them is neither `KEY=VALUE` nor `~KEY`.
    """
    for override in overrides:
        key, equals, _ = override.partition("=")
        if not key.strip("+~ ") or not (equals or key.startswith("~")):
            raise HarnessError(f"{_shown(override)} is no option; write it as KEY=VALUE")


def quoted(text: str) -> str:
    """The text as a value that Hydra gives back unchanged, whatever stands in it."""
    # OmegaConf takes a backslash for an escape in front of a reference; Hydra does in front of a
    # quote, and where the value ends.
    references = re.sub(r"(\\*)\$\{", r"\1\1\\${", text)
    escaped = re.sub(r'(\\*)("|\Z)', lambda m: m[1] * 2 + ('\\"' if m[2] else ""), references)
    return f'"{escaped}"'


def overrides_of(options: Mapping[str, object]) -> list[str]:
    """Options as Python has them, as the command line has them.

    Args:
        options: by key; `{"generation": {"n": 5}}` is `generation.n=5`, a list is one value.

    Raises:
        HarnessError: a value is nothing that a YAML could hold.

    Example:
        >>> overrides_of({"limit": 10, "scorer": ["refusal", "guidance"], "generation": {"n": 5}})
        ['limit=10', 'scorer=[refusal,guidance]', 'generation.n=5']
        >>> overrides_of({"backend": {"template_args": {"enable_thinking": False}}})
        ['backend.template_args={enable_thinking:false}']
    """
    overrides = []
    for key, value in options.items():
        if isinstance(value, Mapping) and not ("." in key and _is_literal(value)):
            overrides += overrides_of({f"{key}.{part}": of_part for part, of_part in value.items()})
        else:
            overrides.append(f"{key}={_written(key, value)}")
    return with_stacks(overrides)


def _is_literal(value: object) -> bool:
    """Whether all names in it are ones that Hydra's grammar has in a mapping."""
    if isinstance(value, Mapping):
        return all(
            isinstance(name, str)
            and name.isidentifier()
            and PLAIN.fullmatch(name)
            and _is_literal(of_name)
            for name, of_name in value.items()
        )
    return True


def _written(key: str, value: object) -> str:
    """A value in Hydra's grammar."""
    if isinstance(value, Mapping) and _is_literal(value):
        parts = (f"{name}:{_written(f'{key}.{name}', entry)}" for name, entry in value.items())
        return f"{{{','.join(parts)}}}"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str | Path):
        return str(value) if PLAIN.fullmatch(str(value)) else quoted(str(value))
    if isinstance(value, Sequence):
        return f"[{','.join(_written(key, part) for part in value)}]"
    raise HarnessError(
        f"{key}={value!r} ({type(value).__name__}) is no option: give text, a number, True or "
        "False, None, a list or a mapping of them"
    )


def _parts(argument: str) -> list[str]:
    """An argument, or those that a stack is taken apart into."""
    stack = STACK.fullmatch(argument)
    if stack is None:
        return [argument]
    listed = stack[1]
    names = [name.strip(" '\"") for name in listed.split(",") if name.strip()]
    if len(names) < 2:
        return [f"mitigation={name}" for name in names or ["none"]]
    if "none" in names or len(set(names)) < len(names):
        raise HarnessError(
            f"{argument} must list different mitigations, without none among several"
        )
    return ["mitigation=none", *(f"+mitigation@mitigations.{name}={name}" for name in names)]


def _is_plain(override: str) -> bool:
    """Whether an override has none of the characters that could need quotes."""
    return re.fullmatch(r"[\w.@/+~-]+=[\w./:-]*", override, re.ASCII) is not None


def _text(argument: str, path: Path) -> str:
    try:
        text = path.read_text("utf-8-sig").rstrip("\r\n")
        if "\0" in text:  # of UTF-16 without its mark, or of no text at all
            raise ValueError
        return text
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise HarnessError(
            f"{argument} asks for the text of a file that cannot be read ({reason}); a text that "
            "begins with @ itself is written in two pairs of quotes: "
            f"{_for_shell(argument)}"
        ) from error


def _shown(override: str) -> str:
    return repr(override if len(override) <= MOST_SHOWN else f"{up_to(override, MOST_SHOWN)}...")


def _remedy(override: str) -> str:
    key, _, value = override.partition("=")
    listed = f", or as a list: {shlex.quote(f'{key}=[{value}]')}" if "," in value else ""
    if len(override) > MOST_SHOWN:
        return f"put the text into a file and write {key}=@FILE"
    filed = f", or put the text into a file and write {key}=@FILE" if " " in value.strip() else ""
    return (
        f"quote the value twice, for the shell and for Hydra: {_for_shell(override)}{listed}{filed}"
    )


def _for_shell(override: str) -> str:
    """The override as it is typed into a shell."""
    key, _, value = override.partition("=")
    return shlex.quote(f"{key}={quoted(value)}")
