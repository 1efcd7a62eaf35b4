"""lm-eval's requests as samples, and what of its tasks cannot be asked here."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.types import HarnessError, Message, Prompt, Sample

FEWSHOT_SEED = 1234
"""lm-eval's own default for drawing the examples before a question."""


def check_task(leaf: str, task: Any) -> None:
    """Refuse a task that cannot be run here.

    Raises:
        HarnessError: it is one of those.
    """
    if getattr(task, "UNSAFE_CODE", False):
        raise HarnessError(f"lm-eval's task {leaf} runs code that a model wrote; not here")
    if getattr(task, "MULTIMODAL", False):
        raise HarnessError(f"lm-eval's task {leaf} shows pictures or sounds; only text is run")
    if (task.config.repeats or 1) > 1:
        raise HarnessError(
            f"lm-eval's task {leaf} makes {task.config.repeats} answers to a document and "
            "filters them together, which is not run here; run it with lm-eval itself"
        )
    if task.OUTPUT_TYPE == "loglikelihood_rolling":
        raise HarnessError(
            f"lm-eval's task {leaf} measures the perplexity of whole texts, which is no answer "
            "to anything; run it with lm-eval itself"
        )


def set_fewshot(leaf: str, task: Any, number: int | None, data: str | None) -> None:
    """Set the number of examples as lm-eval's evaluator does.

    Raises:
        HarnessError: the task takes none, or they would come from what is evaluated.
    """
    declared = task.get_config("num_fewshot")
    if number is not None and declared == 0 and number:
        raise HarnessError(f"lm-eval's task {leaf} is always asked without examples")
    count = declared if number is None else number
    if count and data and Path(data).is_file():
        raise HarnessError(
            "task.num_fewshot: examples would come from the file that is evaluated; give a "
            "folder with a file for each split (train.jsonl, test.jsonl ...)"
        )
    task.set_config("num_fewshot", count or 0)
    task.set_fewshot_seed(seed=FEWSHOT_SEED)


def instances_of(task: Any, chat: bool) -> list[list[Any]]:
    """lm-eval's requests, those of one document together."""
    with contextlib.redirect_stderr(io.StringIO()):  # where lm-eval draws its bars
        task.build_all_requests(
            rank=0,
            world_size=1,
            apply_chat_template=chat,
            fewshot_as_multiturn=chat,
            chat_template=_turns if chat else None,
        )
    groups: dict[int, list[Any]] = {}
    for instance in task.instances:
        groups.setdefault(instance.doc_id, []).append(instance)
    return [sorted(group, key=lambda instance: instance.idx) for group in groups.values()]


def sample_of(name: str, leaf: str, group: Sequence[Any], chat: bool) -> Sample:
    """A document's requests as one sample.

    White space that ends a context is put at the head of its choices, as every model of lm-eval's
    does before it makes tokens, so that any backend is asked the same; where the context is
    nothing else, or messages, it is left to the backend.

    Raises:
        HarnessError: it weighs choices after different messages.
    """
    metadata = {"subtask": leaf}
    if group[0].request_type == "generate_until":
        prompt = _prompt(group[0].args[0], chat)
        return Sample(name, prompt, metadata=metadata, encoded_as="lm_eval")
    pairs = [_apart(str(instance.args[0]), str(instance.args[1]), chat) for instance in group]
    contexts, choices = zip(*pairs, strict=True)
    same = len(set(contexts)) == 1
    if not same and chat:
        raise HarnessError(
            f"lm-eval's task {leaf} weighs its choices after different texts, which cannot be "
            "asked in messages; leave task.chat=false"
        )
    return Sample(
        name,
        _prompt(contexts[0], chat),
        choices=choices,
        leads=() if same else contexts,
        metadata=metadata,
        encoded_as="lm_eval",
    )


def settings_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """lm-eval's generation arguments in `GenerationConfig`'s words."""
    stop = arguments.get("until") or []
    sampled = arguments.get("do_sample", float(arguments.get("temperature") or 0) > 0)
    lengths = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
    most = next((arguments[name] for name in lengths if arguments.get(name)), 256)
    return {
        "max_new_tokens": int(most),
        "temperature": float(arguments.get("temperature") or 1.0) if sampled else 0.0,
        "top_p": float(arguments.get("top_p") or 1.0),
        "top_k": int(arguments.get("top_k") or 0),
        "stop": [stop] if isinstance(stop, str) else list(stop),
    }


def _apart(context: str, choice: str, chat: bool) -> tuple[str, str]:
    bare = context.rstrip()
    if chat or not bare:
        return context, choice
    return bare, context[len(bare) :] + choice


def _turns(history: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> str:
    """What lm-eval takes for a chat template's text: the messages as JSON."""
    return json.dumps([dict(turn) for turn in history])


def _prompt(context: str, chat: bool) -> Prompt:
    if not chat:
        return context
    turns = json.loads(context)
    return tuple(Message(turn["role"], turn["content"]) for turn in turns)
