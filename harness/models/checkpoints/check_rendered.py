"""Whether a rendered prompt holds all that was asked, and what of it the template wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.types import Generation, HarnessError, Thinking, Unrenderable, opened_in

Turn = Mapping[str, str]
"""A message as a chat template takes it: `role` and `content`."""
SHOWN = 60
"""Characters of a lost message that are quoted."""


def lost_turns(turns: Sequence[Turn], text: str) -> list[int]:
    """The numbers of the messages whose content the rendered text does not hold.

    Space around a content is left to the template. The longest content is looked for first and each
    takes a place of its own, so that one which stands in another is not found there. Of an earlier
    answer the thinking may be gone, which many templates drop.
    """
    lost = []
    for number in sorted(range(len(turns)), key=lambda n: -len(turns[n]["content"])):
        content = turns[number]["content"].strip()
        place = text.rfind(content)
        if place < 0 and turns[number]["role"] == "assistant" and number < len(turns) - 1:
            content = _without_thinking(content)
            place = text.rfind(content)
        if place < 0:
            lost.append(number)
        elif content:
            text = f"{text[:place]}\0{text[place + len(content) :]}"
    return sorted(lost)


def _without_thinking(content: str) -> str:
    """An answer without what was thought before it."""
    parted = Thinking().part(Generation("", 0, content))
    return (content if parted.text is None else parted.text).strip()


def check_rendered(turns: Sequence[Turn], text: str, subject: str) -> None:
    """Refuse a prompt that does not hold every message.

    Args:
        turns: that were put into a template.
        text: that came of it.
        subject: what rendered it, for the message: `the chat template of model='x'`.

    Raises:
        Unrenderable: a message was left out, or changed.
    """
    lost = lost_turns(turns, text)
    if not lost:
        return
    turn = turns[lost[0]]
    content = " ".join(turn["content"].split())
    quoted = content if len(content) <= SHOWN else f"{content[:SHOWN]}\u2026"
    raise Unrenderable(
        f"{subject} leaves out or changes what was asked: the {turn['role']} message {quoted!r} is "
        "not in the prompt that it renders; give a template that has it, or ask "
        "without that message"
    )


def without_system(turns: Sequence[Turn]) -> list[Turn] | None:
    """The turns with the system text before the first user's; None where they have no such two."""
    if len(turns) < 2 or (turns[0]["role"], turns[1]["role"]) != ("system", "user"):
        return None
    content = f"{turns[0]['content']}\n\n{turns[1]['content']}"
    return [{"role": "user", "content": content}, *turns[2:]]


def written_after(turns: Sequence[Turn], text: str) -> str:
    """What a template wrote after the messages, and before a last one that the model continues.

    There it says whose turn it is, and there it may open a block of thinking.
    """
    begun = turns[-1]["role"] == "assistant"
    end, between = len(text), ""
    if begun:
        last = turns[-1]["content"].strip()
        end = text.rfind(last) if last else len(text)
        between = text[max(end, 0) + len(last) :]
    before = [turn["content"].strip() for turn in (turns[:-1] if begun else turns)]
    ends = [
        place + len(content)
        for content in before
        if content and (place := text.rfind(content, 0, end)) >= 0
    ]
    return text[max(ends, default=0) : end] + between


def opened_by(turns: Sequence[Turn], text: str) -> str | None:
    """The start mark of thinking that a rendered prompt leaves open; None: it opens none."""
    begun = turns[-1]["content"] if turns[-1]["role"] == "assistant" else ""
    return opened_in(written_after(turns, text) + begun)


def check_open_thought(opened: str | None, weighed: bool, subject: str) -> None:
    """Refuse to weigh choices, or to go on with an answer, inside of a thought.

    Args:
        opened: the start mark of thinking that the prompt leaves open.
        weighed: whether an answer is begun, or its choices are weighed.
        subject: what rendered it, for the message.

    Raises:
        HarnessError: what is asked for would be a thought.
    """
    if opened and weighed:
        raise HarnessError(
            f"{subject} opens thinking with {opened} where the answer is begun or weighed, so that "
            "what is asked for would be a thought; give a template that does not (where there is "
            "backend.chat_template: with it), or choose a protocol in which answers are written"
        )
