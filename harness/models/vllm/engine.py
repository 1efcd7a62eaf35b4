"""vLLM's engine, which works in processes of its own, asked from here one answer at a time."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import itertools
import logging
import math
import os
import subprocess
import weakref
from collections.abc import AsyncGenerator, Coroutine, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer
from transformers import GenerationConfig as Declared

from harness.models.checkpoints.template_text import set_template
from harness.models.checkpoints.weights import check_weights, refuse_unknown_tokens, writable
from harness.models.hf.choices import no_token
from harness.models.hf.prompt_encoder import PromptEncoder
from harness.models.vllm.adapters import Adapter, applied, settings_of
from harness.models.vllm.processes import end_processes_with_this_one, output_to_stderr
from harness.types import Generation, GenerationConfig, HarnessError, Request

Job = Coroutine[Any, Any, list[Generation]]

OUTSTANDING = 1024
"""Answers that vLLM is asked for together, for each copy of the model."""
ENVIRONMENT = {
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
    "VLLM_WORKER_MULTIPROCESSING_METHOD": "spawn",  # a fork would inherit threads that are at work
}


class Engine:
    """One or several copies of a model, and its tokenizer.

    Args:
        folder: of the checkpoint, an adapter's base's.
        tokenizer_folder: of the tokenizer.
        name: what the user called it.
        chat_template: text of a Jinja template instead of the checkpoint's.
        today: the day that a template is told which writes it.
        settings: engine options of vLLM.
        adapter: that is applied beside the weights; None: none is.

    Raises:
        HarnessError: vLLM cannot load it.
    """

    def __init__(
        self,
        folder: Path,
        tokenizer_folder: Path,
        name: str,
        chat_template: str | None,
        today: date,
        settings: Mapping[str, Any],
        adapter: Adapter | None = None,
    ) -> None:
        for variable, value in ENVIRONMENT.items():
            os.environ.setdefault(variable, value)
        logging.getLogger("vllm").setLevel(logging.ERROR)  # until it has read its environment
        watcher = end_processes_with_this_one()
        trusted = bool(settings["trust_remote_code"])
        check_weights(folder, name, trusted, others_check=True)
        try:
            with output_to_stderr():
                import vllm
                from vllm.platforms import current_platform

                tokenizer = AutoTokenizer.from_pretrained(
                    tokenizer_folder, trust_remote_code=trusted
                )
                if current_platform.is_cpu():
                    # Of a prompt read in parts a generator is wound back, which a CPU's cannot be.
                    settings = {"enable_chunked_prefill": False, **settings}
                arguments = vllm.AsyncEngineArgs(
                    model=str(folder),
                    tokenizer=str(tokenizer_folder),
                    generation_config="vllm",  # not the checkpoint's own sampling defaults
                    logprobs_mode="raw_logprobs",
                    disable_log_stats=True,
                    **{**settings_of(adapter), **settings},
                )
                # Held here alone: something in vLLM keeps the frames that import it.
                self._core = [vllm.AsyncLLMEngine.from_engine_args(arguments)]
        except Exception as error:
            message = " ".join(str(error).split())[:300]
            raise HarnessError(
                f"model={name!r} cannot be loaded by vLLM ({type(error).__name__}: {message}); "
                "what it says above may tell more"
            ) from error
        self._loop = asyncio.new_event_loop()  # vLLM's listener lives in it from call to call
        weakref.finalize(self, _end, self._core, self._loop, watcher)
        self._adapter = adapter
        self._beside = self._loop.run_until_complete(applied(self._core[0], adapter, name))
        set_template(tokenizer, chat_template, today)
        self.encoder = PromptEncoder(tokenizer, name)
        config = self._core[0].model_config
        declared = _declared(folder, config.hf_config)
        self.vocabulary = int(config.get_vocab_size())
        ends = self.encoder.ends(declared.eos_token_id)
        self.ends = writable(self.encoder.tokenizer, name, ends, self.vocabulary)
        self.context = int(config.max_model_len)
        self.device = str(self._core[0].vllm_config.device_config.device_type)
        self._outstanding = OUTSTANDING * int(settings.get("data_parallel_size", 1))
        self._numbers = itertools.count()

    def generate(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """Answer in whatever order vLLM does.

        Raises:
            HarnessError: its engine died, or it cannot weigh choices.
        """
        if self._adapter and any(request.choices for request in requests):
            self._adapter.check_weighing(self.encoder.name)
        jobs = (job for request in requests for job in self._jobs(request, generation, seed))
        finished = self._finished(jobs)
        try:
            while (answers := self._loop.run_until_complete(anext(finished, None))) is not None:
                yield answers
        finally:
            self._loop.run_until_complete(finished.aclose())

    async def _finished(self, jobs: Iterator[Job]) -> AsyncGenerator[list[Generation]]:
        """Keep so many jobs under way, and give what is done."""
        running: set[asyncio.Task[list[Generation]]] = set()
        try:
            while True:
                more = itertools.islice(jobs, self._outstanding - len(running))
                running |= {asyncio.ensure_future(job) for job in more}
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                yield [
                    generation for answers in await asyncio.gather(*done) for generation in answers
                ]
        finally:
            for task in running:
                task.cancel()  # which vLLM takes as word that nobody waits for it
            await asyncio.gather(*running, return_exceptions=True)

    def _jobs(self, request: Request, generation: GenerationConfig, seed: int) -> Iterator[Job]:
        prompt = self.encoder.encode(request)
        choices = self.encoder.choices(request, prompt) if request.choices else ()
        tokenizer = self.encoder.tokenizer
        for tokens in (prompt, *choices):
            refuse_unknown_tokens(tokenizer, self.encoder.name, tokens, self.vocabulary)
        steps = max(map(len, choices), default=generation.max_new_tokens)
        # What vLLM reads it must be able to go on from, if by one token only.
        width = len(prompt) + steps + (len(choices) > 0 and steps > 1)
        reason = no_token(request.choices, choices) if choices else None
        if width > self.context:
            reason = (
                f"{width} tokens (prompt and answer) exceed the model's context of {self.context}"
            )
        if reason:
            yield _said([Generation.failed(request.sample_id, i, reason) for i in request.indices])
        elif choices:
            yield self._weigh(request, prompt, choices)
        else:
            for index in request.indices:
                yield self._write(request, index, prompt, generation, seed)

    async def _write(
        self,
        request: Request,
        index: int,
        prompt: list[int],
        generation: GenerationConfig,
        seed: int,
    ) -> list[Generation]:
        from vllm.exceptions import VLLMError

        sample_id, opened = request.sample_id, self.encoder.opened(request)
        key = hashlib.sha256(f"{seed}\0{index}\0{sample_id}".encode()).digest()[:8]
        ends = self.encoder.stopping(self.ends, generation.stop)
        try:
            output = await self._ask(
                prompt,
                temperature=generation.temperature,
                top_p=generation.top_p,
                top_k=generation.top_k,
                seed=int.from_bytes(key, "little") >> 1,
                max_tokens=generation.max_new_tokens,
                min_tokens=generation.min_new_tokens,
                stop=list(generation.stop),
                stop_token_ids=ends,
            )
        except VLLMError as error:
            return [Generation.failed(sample_id, index, _reason(error))]
        answer = self.encoder.answer(list(output.outputs[0].token_ids), ends, generation.stop)
        text, finish_reason, count = answer
        return [
            Generation(sample_id, index, text, finish_reason, len(prompt), count, opened=opened)
        ]

    async def _weigh(
        self, request: Request, prompt: list[int], choices: Sequence[Sequence[int]]
    ) -> list[Generation]:
        from vllm.exceptions import VLLMError

        try:
            if all(len(choice) == 1 for choice in choices):
                tokens = [choice[0] for choice in choices]
                output = await self._ask(prompt, logprob_token_ids=list(dict.fromkeys(tokens)))
                (step,) = output.outputs[0].logprobs
                weights = tuple(float(step[token].logprob) for token in tokens)
            else:
                # vLLM does not read its prefix cache for prompts whose log-probabilities it gives.
                weights = tuple(
                    await asyncio.gather(*(self._weight(prompt, choice) for choice in choices))
                )
        except VLLMError as error:
            reason = _reason(error)
            return [Generation.failed(request.sample_id, i, reason) for i in request.indices]
        if any(map(math.isnan, weights)):
            reason = "the model's logits are not numbers where a choice is weighed"
            return [Generation.failed(request.sample_id, i, reason) for i in request.indices]
        count = sum(map(len, choices))
        return [
            Generation(request.sample_id, i, None, "choices", len(prompt), count, weights)
            for i in request.indices
        ]

    async def _weight(self, prompt: list[int], choice: Sequence[int]) -> float:
        output = await self._ask([*prompt, *choice], prompt_logprobs=0)
        steps = output.prompt_logprobs[-len(choice) :]
        return sum(float(step[token].logprob) for step, token in zip(steps, choice, strict=True))

    async def _ask(self, tokens: list[int], **settings: Any) -> Any:
        """The final output for a prompt in tokens."""
        import vllm

        parameters = vllm.SamplingParams(
            **({"temperature": 0.0, "max_tokens": 1} | settings),
            output_kind=vllm.sampling_params.RequestOutputKind.FINAL_ONLY,
        )
        number = str(next(self._numbers))
        asked = {"prompt_token_ids": tokens}
        outputs = self._core[0].generate(asked, parameters, number, **self._beside)
        return [output async for output in outputs][-1]


async def _said(generations: list[Generation]) -> list[Generation]:
    return generations


def _reason(error: Exception) -> str:
    """What is said of one request that vLLM could not answer.

    Raises:
        HarnessError: it will not answer any more.
    """
    from vllm.v1.engine.exceptions import EngineDeadError

    message = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    if isinstance(error, EngineDeadError):
        raise HarnessError(
            f"vLLM's engine died ({message}); what it says above may tell more, and the same "
            "command goes on from here"
        ) from error
    return message


def _end(
    core: list[Any], loop: asyncio.AbstractEventLoop, watcher: subprocess.Popen[bytes]
) -> None:
    core.pop().shutdown()
    listeners = asyncio.all_tasks(loop)
    for listener in listeners:
        listener.cancel()
    loop.run_until_complete(asyncio.gather(*listeners, return_exceptions=True))
    loop.close()
    gc.collect()  # vLLM's own end needs modules that are gone when the interpreter ends
    watcher.communicate()


def _declared(folder: Path, config: Any) -> Declared:
    """What a checkpoint says of its generation; of its config where it says nothing apart."""
    try:
        return Declared.from_pretrained(folder)
    except OSError:  # a checkpoint need not have one
        return Declared.from_model_config(config)
