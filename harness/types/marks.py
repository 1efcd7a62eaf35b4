"""The marks between which families of models think, each with where it was seen."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """How models of one kind set their thinking apart."""

    start: str
    end: str
    models: str = ""
    """Some that do."""
    source: str = ""
    """Where the marks were seen."""
    label: str = ""
    """What stands after the start mark and is no thinking."""
    before: str = ""
    """What may stand before the start mark where special tokens are shown."""
    around: tuple[str, str] = ("", "")
    """What may stand around the answer."""
    inside: tuple[str, ...] = ()
    """Marks within the thinking, and after the answer, that are no text."""
    ends_alone: bool = True
    """The end mark ends thinking without a start mark, too, for it is no text of a person's."""


VLLM = "vLLM, vllm/reasoning, 2026"
WEBUI = "Open WebUI, default reasoning tags, 2026"
FAMILIES = (
    Family(
        "<think>", "</think>", "DeepSeek-R1, Qwen3, QwQ, GLM-4.5, MiniMax-M2, Olmo 3, Phi-4", VLLM
    ),
    Family(
        "[THINK]", "[/THINK]", "Magistral Small 1.1 and later, Ministral 3 Reasoning", VLLM
    ),
    Family(
        "<|channel|>", "<|channel|>final<|message|>", "gpt-oss (harmony)",
        "openai-harmony, docs/format.md, 2025",
        before="<|start|>assistant",
        inside=(
            "<|channel|>analysis<|message|>", "<|channel|>commentary<|message|>",
            "analysis<|message|>", "commentary<|message|>", "<|start|>assistant", "<|end|>",
            "<|return|>",
        ),
    ),
    Family("<seed:think>", "</seed:think>", "Seed-OSS", VLLM),
    Family(
        "<|START_THINKING|>", "<|END_THINKING|>", "Command A Reasoning", VLLM,
        around=("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    ),
    Family("<thought>", "</thought>", "EXAONE Deep", WEBUI),
    Family("<thinking>", "</thinking>", "Reflection 70B", WEBUI),
    Family("<reasoning>", "</reasoning>", "models trained with GRPO recipes",
           WEBUI),
    Family("<reason>", "</reason>", "models told to by a prompt", WEBUI),
    Family("<Thought>", "</Thought>", "Marco-o1", WEBUI,
           around=("<Output>", "</Output>")),
    Family("\u25c1think\u25b7", "\u25c1/think\u25b7", "Kimi-VL-Thinking",
           WEBUI),
    Family(
        "<|begin_of_thought|>", "<|end_of_thought|>", "Sky-T1, OpenThinker",
        WEBUI,
        around=("<|begin_of_solution|>", "<|end_of_solution|>"),
    ),
    Family("<|inner_prefix|>", "<|inner_suffix|>", "Apertus", VLLM),
    Family("<|channel>", "<channel|>", "Gemma 4", VLLM, label="thought\n"),
    Family("<unused94>", "<unused95>", "MedGemma", "MedGemma model card, 2025", label="thought\n"),
    Family("<mm:think>", "</mm:think>", "MiniMax-M3", VLLM),
    Family("<longcat_think>", "</longcat_think>", "LongCat", VLLM),
    Family("<|think:start|>", "<|think:end|>", "Solar Open 2", VLLM),
    Family("<ifm|think>", "</ifm|think>", "K2 Horizon", VLLM),
    Family("[unused16]", "[unused17]", "openPangu", VLLM),
    Family(
        "Here is my thought process:", "Here is my response:", "Granite 3.2", VLLM,
        ends_alone=False,
    ),
)  # fmt: skip
"""No start mark is the beginning of another's."""
LOST_CHANNELS = Family(
    "analysis", "assistantfinal", "gpt-oss behind a server that drops its marks",
    before="assistant", inside=("assistantanalysis", "assistantcommentary"),
)  # fmt: skip
"""What is left of harmony's channels once special tokens are left out of a text."""
GLUED = re.compile(
    r"(?:assistant)?(?:analysis|commentary)(?=[A-Z]|.{0,100000}?assistantfinal)",
    re.DOTALL,
)
"""The name of a channel with the first word of a thought: no word of any language."""
LOST_ANSWER = re.compile(r"(?:assistant)?final(?=[A-Z])")
"""The name of the channel of answers, which a text of no other channel begins with."""
WORDS = ("analysis", "assistant", "commentary", "final", "Here is my thought process:", "&lt;", "`")
"""What thinking begins with where its mark is made of words, or cannot be seen to be one."""
LIKE_A_MARK = re.compile(
    r"[<\u25c1][^\s<>]{0,30}?(?:think|thought|reason)[^\s<>]{0,20}[>\u25b7]"
    r"|\[[^\s\[\]]{0,30}?(?:think|thought)[^\s\[\]]{0,20}\]",
    re.IGNORECASE,
)
"""What looks like a mark of thinking, known or not."""
_THOUGHT = (
    "think|thought|reason|ponder|reflect|deliberat|contemplat|introspect|rumina|scratch|monologue"
    "|rationale|musing|brainstorm|inner|internal|hidden|private|analy[sz]|planning|draft"
    "|\u601d\u8003|\u63a8\u7406|\u0434\u0443\u043c|\u0440\u0430\u0437\u043c\u044b\u0448"
    "|nachdenk|denk|gedank|\u00fcberleg|pens(?:ar|amient|ament|\u00e9e)|razon|r\u00e9flex|reflex"
)
LIKE_A_BLOCK = re.compile(
    # <scratchpad> ... </scratchpad>, [REASONING] ... [/REASONING], < think >, <details type="...">
    rf"(?:(?P<open>[<\[]|&lt;)\s?(?P<name>(?:\w|[|:.-]){{0,30}}?(?:{_THOUGHT}|\bcot\b|\bplan\b)"
    rf"(?:\w|[|:.-]){{0,30}})(?:\s[^<>\[\]]{{0,80}})?\s?(?:[>\]]|&gt;)"
    rf"|<details\s[^<>]{{0,80}}?(?:{_THOUGHT})[^<>]{{0,80}}>"
    rf"|```(?:{_THOUGHT})\w{{0,10}}\n"
    rf"|<\|[^<>|\s]{{1,30}}\|>\s?(?:think|analysis|thought)\b)",
    re.IGNORECASE,
)
"""What looks like the beginning of a block that holds thinking, by what it is called."""
SPECIAL = re.compile(r"<\|[^<>|\s]+\|>")
"""A special token within a mark of several."""


def is_plain(text: str) -> bool:
    """Whether a text holds no character that any mark begins with; quick, for most texts do not."""
    if "<" in text or "[" in text or "\u25c1" in text:
        return False
    return not text.lstrip().startswith(WORDS)


def block_in(text: str, called: bool = True) -> str | None:
    """The mark of a block by which a text may begin with thinking; None: it begins with none.

    A block in brackets, or called by a word that answers are built of too, is one only where it
    is closed.

    >>> block_in("<scratchpad>Unsafe.</scratchpad>I cannot."), block_in("<b>No.</b> I cannot.")
    ('<scratchpad>', None)

    Args:
        text: of an answer.
        called: a block that is called as thinking is counts; else what looks like a mark alone.
    """
    text = text.lstrip()
    if match := LIKE_A_MARK.match(text):
        return match[0]
    if not called:
        return None
    if LOST_ANSWER.match(text):
        return "final"
    match = LIKE_A_BLOCK.match(text)
    if match is None:
        return None
    name = (match["name"] or "").lower()
    ends = (f"/{name}", f"/ {name}", "|final|")
    return match[0].strip() if not name or any(end in text.lower() for end in ends) else None


def opened_in(written: str) -> str | None:
    """The start mark of the thinking that what a template wrote leaves open; None: none is."""
    for family in FAMILIES:
        start = written.rfind(family.start)
        if start >= 0 and written.rfind(family.end) < start:
            return family.start
    return None


def named_in(text: str) -> list[Family]:
    """The families that a text names a mark of: a template, or the files of a tokenizer."""
    return [family for family in FAMILIES if family.start in text or family.end in text]


def tokens_of_marks(special: Iterable[str]) -> set[str]:
    """Those of a tokenizer's special tokens that belong to marks of thinking.

    Both marks of a family must be there. A token that looks like a mark, and is none that is known,
    is one too: were it left out of texts nobody could tell that there was thinking.
    """
    tokens = set(special)
    belonging = {token for token in tokens if LIKE_A_MARK.fullmatch(token)}
    for family in FAMILIES:
        marks = _tokens(family.start) | _tokens(family.end)
        if marks <= tokens:
            more = set().union(*map(_tokens, (*family.inside, family.before)))
            belonging |= marks | (more & tokens)
    return belonging


def _tokens(mark: str) -> set[str]:
    """The special tokens in a mark; the mark itself where it is written without any."""
    return set(SPECIAL.findall(mark)) or {mark}
