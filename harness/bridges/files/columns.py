"""Which columns of a file of answers hold the prompts and the answers: asked where two would do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from harness.types import HarnessError

PROMPTS = ("prompt", "request", "question", "input", "instruction", "query", "messages")
ANSWERS = (
    "answer", "response", "reply", "completion", "generation", "prediction", "output", "text",
    "generated_text",
)  # fmt: skip
MODELS_OWN = {
    "pred", "preds", "predicted", "predictions", "responses", "replies", "completions", "outputs",
    "generations", "generated", "gen", "candidate", "candidates", "hypothesis", "hypotheses", "hyp",
    "assistant", "bot", "chatbot", "agent", "ai", "llm", "model", "gpt", "chatgpt", "claude",
    "gemini", "llama", "qwen", "mistral", "deepseek", "decoded", "sampled", "continuation", "resps",
    "inference", "inferred",
    "antwort", "respuesta", "respuestas", "resposta", "r\u00e9ponse", "risposta", "antwoord",
    "svar", "odpowied\u017a", "yan\u0131t", "cevap", "jawaban", "\u043e\u0442\u0432\u0435\u0442",
    "\u56de\u7b54", "\u7b54\u6848", "\u56de\u590d",
}  # fmt: skip
"""Words in a column's name by which it may hold what a model wrote, beside one of answers."""
FACTS = {
    "id", "ids", "name", "names", "at", "time", "date", "score", "scores", "count", "counts", "n",
    "number", "tokens", "token", "cost", "price", "label", "labels", "class", "version", "type",
    "kind", "model", "seed", "latency", "duration", "length", "len", "index", "idx", "flag",
    "correct", "prob", "probs", "logprob", "logprobs", "confidence", "rating", "ratings", "url",
    "config", "temperature", "provider", "family", "size", "error", "errors", "reason", "status",
    "language", "lang", "hash", "path", "file",
}  # fmt: skip
"""Last words of names of columns that hold a fact about an answer and no answer."""
USERS = ("user", "human", *(f"{name}s" for name in PROMPTS))
"""What else prompts are called, by itself or as the last word of a name."""
REFERENCES = {
    "correct", "right", "gold", "golden", "reference", "ref", "expected", "target", "ideal", "true",
    "truth", "human",
}  # fmt: skip
"""Words in a column's name that say that it is not the model's."""
ALPACA = ("instruction", "input")
"""A prompt in two columns, the second of which may be blank (Stanford Alpaca, 2023)."""


@dataclass(frozen=True)
class Columns:
    """What is read from where."""

    prompt: Sequence[str]
    """Columns that make the prompt, one below the other; none: there is no prompt."""
    answer: str

    def sentence(self, name: str) -> str:
        """What a reader must know: which column of the file was taken as what."""
        prompt = " with ".join(map(repr, self.prompt))
        return (
            f"{name}: {prompt or 'no column'} was read as the prompt, {self.answer!r} as the answer"
        )


def choose(names: Sequence[str], prompt: str | None, answer: str | None, where: str) -> Columns:
    """The columns of prompts and answers.

    Args:
        names: of all columns.
        prompt: the user's choice; None: that which is called as prompts are, or none.
        answer: the user's choice; None: that which is called as answers are.
        where: the option and file, for the sentence of an error.

    Raises:
        HarnessError: two would do, or there is none of answers.
    """
    for chosen in (prompt, answer):
        if chosen is not None and chosen not in names:
            raise HarnessError(
                f"{where} has no column {chosen}; it has {', '.join(names)}: name them with "
                "columns.prompt=... and columns.answer=..."
            )
    answers = [name for name in names if name != prompt and _is_answer(name)]
    if answers:  # by itself such a word is no answer's, beside one it may be the model's
        answers += [name for name in names if name not in (prompt, *answers) and _may_be(name)]
    if answer is None and len(answers) != 1:
        raise HarnessError(_column_fault("answer", answers, names, where))
    prompts = [name for name in names if name != answer and name.casefold() in PROMPTS]
    if prompt is not None:
        prompts = [prompt]
    elif sorted(name.casefold() for name in prompts) == sorted(ALPACA):
        prompts.sort(key=lambda name: ALPACA.index(name.casefold()))
    elif len(prompts) > 1:
        raise HarnessError(_column_fault("prompt", prompts, names, where))
    elif not prompts and (unsure := [name for name in names if _may_be_prompt(name)]):
        raise HarnessError(_column_fault("prompt", unsure, names, where))
    return Columns(prompts, answer or answers[0])


def _is_answer(name: str) -> bool:
    """Whether a column is called as those of answers are: `response`, `Model_Answer`, `gptOutput`.

    One that ends in such a word would do, unless another word says that it is the reference.
    """
    if name.casefold() in ANSWERS:
        return True
    words = _words(name)
    if not words or (words[-1] == "text" and {*PROMPTS, *USERS} & set(words)):
        return False
    return words[-1] in ANSWERS and not REFERENCES & set(words)


def _may_be(name: str) -> bool:
    """Whether a column may hold what a model wrote: `pred`, `gpt4`, `generated`, `assistant`."""
    words = _words(name)
    if not words or words[-1] in FACTS or REFERENCES & set(words):
        return False
    packed = words[-1] in ("content", "message") and bool({*ANSWERS} & set(words))
    return packed or bool(MODELS_OWN & set(words))


def _may_be_prompt(name: str) -> bool:
    """Whether a column may hold the prompts though it is not called so: `user_prompt`, `human`."""
    words = _words(name)
    if len(words) > 1 and words[-1] in ("text", "message", "content"):
        words.pop()
    return bool(words) and words[-1] in (*PROMPTS, *USERS) and "system" not in words


def _words(name: str) -> list[str]:
    """The words of a name in small letters, without numbers."""
    parts = re.findall(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![^\W\d_A-Z])", name)
    return [part.casefold() for part in parts]


def _column_fault(kind: str, candidates: Sequence[str], names: Sequence[str], where: str) -> str:
    option = f"columns.{kind}"
    if not candidates:
        return (
            f"{where} has no column {' or '.join(ANSWERS)}; it has {', '.join(names)}: name them "
            "with columns.prompt=... and columns.answer=..."
        )
    listed = ", ".join(map(repr, candidates))
    if len(candidates) == 1:
        return (
            f"{where} has a column that may hold the {kind}s, {listed}: say so with "
            f"{option}={candidates[0]}, or rename it"
        )
    return (
        f"{where} has {len(candidates)} columns that may hold the {kind}s, "
        f"{listed}: say which with {option}={candidates[0]} or {option}={candidates[-1]}"
    )
