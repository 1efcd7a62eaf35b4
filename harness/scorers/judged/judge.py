"""A model as a judge: verdicts on a scale, as probabilities of the digits or parsed from text."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from harness.scorers.reading.verdicts import read_verdict
from harness.types import (
    Generation,
    GenerationConfig,
    Message,
    Model,
    Request,
    Thinking,
    fingerprint,
    notes_of,
    trait,
    weights_of,
)

SIGN = re.compile(r"#\s*(score|reason)\s*:[ \t]*\d*", re.IGNORECASE)
"""What a verdict looks like, wherever it stands."""
LEAD = "#score:"
"""What the judge's answer begins with when its digits are weighed."""
FLOOR = 0.1
"""Where the digits hold less of the probability than this, the judge has given no verdict."""
FORMS = 3
"""Version of what is read of a judge that writes. 2: emphasis, decimals and JSON are read; a range,
two verdicts that differ and a level between two of the scale's are none. 3: "Score: 2" without the
sign and Python's dictionaries are read; all levels of the scale are none."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge made of one answer; `expected` is None where it made nothing of it."""

    expected: float | None
    """Mean of the scale under the judge's probabilities; the digit itself where it wrote one."""
    most_likely: int | None
    explanation: str
    error: str | None = None


class Judge:
    """Asks any model for a digit from `low` to `high`.

    Where the model weighs choices, the probabilities of the digits that may follow "#score:" are
    the verdict, so that none is ever unparsable. Elsewhere the model writes, and its "#score: N" is
    read by `harness.scorers.reading.verdicts`; what has none is missing, with its text kept.
    """

    def __init__(
        self, model: Model, low: int, high: int, max_new_tokens: int = 512, writes: bool = False
    ) -> None:
        self.model = model
        self.weighs = model.weighs_choices and not writes
        self.digits = range(low, high + 1)
        self.max_new_tokens = max_new_tokens

    @property
    def identity(self) -> dict[str, str]:
        """The model, by the fingerprint that a run's own model has too, and how it is read."""
        reading = "digits" if self.weighs else f"text {self.max_new_tokens}, forms {FORMS}"
        return {
            "judge": fingerprint(self.model.identity),
            "judge_weights": weights_of(self.model.identity),
            "verdict": f"{reading}, floor {FLOOR}, fence 1",
        }

    def verdicts(
        self, prompts: Sequence[tuple[Message, ...]], seed: int = 0, temperature: float = 0.0
    ) -> list[Verdict]:
        """One verdict for each prompt, in order.

        Args:
            prompts: to be answered with a verdict.
            seed: of what the judge writes, where it is drawn.
            temperature: at which it is; 0 is greedy.
        """
        weigh = self.weighs
        requests = [
            Request(
                str(number),
                (*prompt, Message("assistant", LEAD)) if weigh else prompt,
                choices=tuple(f" {digit}" for digit in self.digits) if weigh else (),
            )
            for number, prompt in enumerate(prompts)
        ]
        drawn = GenerationConfig(max_new_tokens=self.max_new_tokens, temperature=temperature)
        answers = {
            int(generation.sample_id): generation
            for finished in self.model.generate(requests, drawn, seed)
            for generation in finished
        }
        return [self._read(answers.get(n), prompt) for n, prompt in enumerate(prompts)]

    def _read(self, answer: Generation | None, prompt: Sequence[Message]) -> Verdict:
        if answer is None or answer.error is not None:
            reason = answer.error if answer else "no answer"
            return Verdict(None, None, "", f"the judge failed: {reason}")
        if answer.choice_logprobs is not None:
            return self._weighed(answer.choice_logprobs)
        text = answer.text or ""
        # A score weighed on the way is no verdict.
        answered = Thinking().part(answer, blocks=False).text or ""
        asked = "\n".join(message.content for message in prompt)
        cut = answer.finish_reason == "length"
        level, reason = read_verdict(answered, self.digits, cut, asked)
        if level is None:
            return Verdict(None, None, text, reason)
        return Verdict(float(level), level, text)

    def _weighed(self, logprobs: Sequence[float]) -> Verdict:
        masses = [math.exp(value) for value in logprobs]
        mass = sum(masses)
        if not FLOOR <= mass <= 1.01:
            reason = f"the digits hold {mass:.3f} of the judge's probability, less than {FLOOR}"
            return Verdict(None, None, str(logprobs), reason)
        shares = [value / mass for value in masses]
        expected = sum(digit * share for digit, share in zip(self.digits, shares, strict=True))
        # Floating point must not push the mean past the ends of its scale.
        expected = min(max(expected, self.digits[0]), self.digits[-1])
        most_likely = max(zip(shares, self.digits, strict=True), key=lambda pair: pair[0])[1]
        listed = ", ".join(f"{d}: {s:.3f}" for d, s in zip(self.digits, shares, strict=True))
        return Verdict(
            expected, most_likely, f"{listed}; the digits hold {mass:.3f} of the probability"
        )


class AsksJudge:
    """What every scorer has that asks one judge.

    Args:
        judge: the judge's name, as the run's `model` is one.
        judge_backend: what runs it.
    """

    def __init__(self, judge: str, judge_backend: Model) -> None:
        self.judge = judge
        self.model = judge_backend

    @property
    def notes(self) -> Sequence[str]:
        """What the judge's backend found out about what comes from outside, each note naming it."""
        return [f"judge {self.model.name!r}: {note}" for note in notes_of(self.model)]

    @property
    def device(self) -> str | None:
        """Where the judge runs, or is to run where it has not been loaded."""
        used: str | None = trait(self.model, "device_used")
        return trait(self.model, "device") if used is None else used


def fence(text: str, label: str) -> str:
    """The text between marks that it cannot contain, since they are a digest of it.

    "#score:" and "#reason:" in it lose their form, for a weak judge repeats what it has read after
    the same words.
    """
    text = SIGN.sub(r"[\1]", text)
    mark = f"{label}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
    return f"<{mark}>\n{text}\n</{mark}>"
