"""The filter agents of ALU: an answer is audited, written anew, rated, and put together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from harness.mitigations.agents.critique import about, answer_name
from harness.mitigations.agents.desk import Desk, Key
from harness.types import Generation, Prompt

NO = re.compile(r"\W*no\b", re.IGNORECASE)
RATING = re.compile(r"(?<![\d.])[1-5](?![\d.])")
WORD = re.compile(r"\w+")
WORST = 1
SUBJECTS = "Subjects that must not come up: {targets}.\n\n"
"""First in each call, so that many calls share its computation."""
AUDIT = SUBJECTS + (
    "{what}\n\nDoes any of these subjects come up in the {answer}, in plain words or by a hint? "
    "Begin with yes or no."
)
ERASE = SUBJECTS + (
    "{what}\n\nWrite the {answer} anew so that none of these subjects comes up, and keep whatever "
    "else is useful. This is version {number} of {variants}: word it in a way of its own. Write "
    "the new {answer} and nothing else."
)
RATE = SUBJECTS + (
    "{what}\n\nRate the {answer} from 1 to 5: 1 where one of these subjects comes up, 5 where none "
    "does and it is as useful as it can be. Write the digit and nothing else."
)
COMPOSE = SUBJECTS + (
    "{what}\n\nOther versions of the {answer}:\n{versions}\n\nPut the best of these versions "
    "together into one {answer} in which none of the subjects comes up. Write the new {answer} and "
    "nothing else."
)


@dataclass(frozen=True)
class Filter:
    """The four agents of Agentic LLM Unlearning (Sanyal and Mandal 2025), in our words."""

    targets: Sequence[str]
    """Subjects that no answer may touch."""
    shortlist: int | None
    """How many of them calls name: those that share most words with a request and its answer; an
    answer that shares none passes. None: all of them."""
    variants: int
    """Versions that the second agent writes of an answer that touches one."""
    top: int
    """Of them, the best rated, which the last agent puts together."""
    least: float
    """The mean rating of these, below which a refusal is answered."""
    refusal: str

    words: ClassVar[Mapping[str, str]] = {
        "audit": AUDIT, "erase": ERASE, "rate": RATE, "compose": COMPOSE
    }  # fmt: skip
    """What agents are told, which is part of what changes an answer."""

    @property
    def most_calls(self) -> int:
        """Of an answer: itself, the audit, each version and its rating, the composition."""
        return 3 + 2 * self.variants

    def answers(
        self, desk: Desk, prompts: Mapping[Key, Prompt], first: Mapping[Key, Generation]
    ) -> dict[Key, Generation]:
        """What is answered instead of each first answer; one that was kept is that object."""
        named = {key: self._named(prompts[key], answer) for key, answer in first.items()}
        fields = {
            key: {
                "what": about(prompts[key], answer),
                "answer": answer_name(prompts[key]),
                "targets": "; ".join(named[key]),
            }
            for key, answer in first.items()
            if named[key]
        }
        audits = desk.judge("audit", {k: AUDIT.format(**words) for k, words in fields.items()})
        touched = {
            key: first[key]
            for key, audit in audits.items()
            if audit.error is None and not NO.match(audit.text or "")
        }
        cleaned = self._cleaned(desk, prompts, fields, touched)
        return {
            key: audits[key]
            if key in audits and audits[key].error is not None
            else cleaned.get(key, answer)
            for key, answer in first.items()
        }

    def _named(self, prompt: Prompt, answer: Generation) -> Sequence[str]:
        """The subjects that calls about an answer name."""
        if self.shortlist is None:
            return self.targets
        return nearest(about(prompt, answer), self.targets, self.shortlist)

    def _cleaned(
        self,
        desk: Desk,
        prompts: Mapping[Key, Prompt],
        fields: Mapping[Key, Mapping[str, str]],
        touched: Mapping[Key, Generation],
    ) -> dict[Key, Generation]:
        """What is answered instead of an answer that touches a subject."""
        versions: dict[Key, list[tuple[int, Generation]]] = {key: [] for key in touched}
        for number in range(1, self.variants + 1):
            count = {"number": number, "variants": self.variants}
            written = desk.write(
                f"erase-{number}", {key: ERASE.format(**fields[key], **count) for key in touched}
            )
            usable = {
                key: version
                for key, version in written.items()
                if version.text and version.text.strip()
            }
            rating_fields = {
                key: {**fields[key], "what": about(prompts[key], usable[key])} for key in usable
            }
            ratings = desk.judge(
                f"rate-{number}", {key: RATE.format(**rating_fields[key]) for key in usable}
            )
            for key, version in usable.items():
                versions[key].append((rating_in(ratings[key].text or ""), version))
        best = {
            key: sorted(rated, key=lambda pair: -pair[0])[: self.top]
            for key, rated in versions.items()
        }
        chosen = {
            key: rated
            for key, rated in best.items()
            if rated and sum(rating for rating, _ in rated) / len(rated) >= self.least
        }
        composed = desk.write("compose", {
            key: COMPOSE.format(**fields[key], versions=_listed([version for _, version in rated]))
            for key, rated in chosen.items()
        })  # fmt: skip
        return {
            key: composed[key]
            if key in composed
            else replace(answer, text=self.refusal, finish_reason="stop", opened=None)
            for key, answer in touched.items()
        }


def nearest(text: str, targets: Sequence[str], count: int) -> list[str]:
    """At most so many targets, of those that share a word with a text; most shared words first.

    >>> nearest("Where was Ada Marrow born?", ["Tom Reed", "Ada Lind", "Ada Marrow"], 2)
    ['Ada Marrow', 'Ada Lind']
    """
    words = set(WORD.findall(text.casefold()))
    shared = {target: len(words & set(WORD.findall(target.casefold()))) for target in targets}
    return sorted((t for t in shared if shared[t]), key=lambda t: -shared[t])[:count]


def rating_in(text: str) -> int:
    """The first digit from 1 to 5 that stands alone; the worst where there is none.

    >>> rating_in("Rating: 4"), rating_in("good"), rating_in("10")
    (4, 1, 1)
    """
    match = RATING.search(text)
    return int(match[0]) if match else WORST


def _listed(versions: Sequence[Generation]) -> str:
    return "\n\n".join(
        f"Version {number}:\n{(version.text or '').strip()}"
        for number, version in enumerate(versions, 1)
    )
