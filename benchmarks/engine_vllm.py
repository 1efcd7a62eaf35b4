"""vLLM beside the engine: a process of its own, in its own environment, asked one work at a time.

`engine.py --vllm PYTHON` starts this file with that Python, in which vLLM must be installed (this
project need not be). It reads a line of JSON for each piece of work, empties vLLM's prefix cache,
does the work, and answers with a line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine_watch import Answers, Measured, run

if TYPE_CHECKING:
    from engine_work import Work

    from harness.models.hf.loaded import LoadedModel

SPACE = "2"
"""GiB that its keys and values may take; no work here needs more."""


class Vllm:
    """vLLM with a model, in another process.

    Args:
        python: of its environment.
        folder: of the checkpoint.
        dtype: of weights and activations.
        threads: that ours has, too.
        clock: by which time is measured, `wall` or `cpu`.
    """

    def __init__(
        self, python: str, folder: Path, dtype: str, threads: int, clock: str = "wall"
    ) -> None:
        environment = os.environ | {
            "VLLM_CPU_KVCACHE_SPACE": SPACE,
            "VLLM_CPU_OMP_THREADS_BIND": f"0-{threads - 1}",
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # a second process would look for work meanwhile
            "VLLM_LOGGING_LEVEL": "ERROR",
            "VLLM_NO_USAGE_STATS": "1",
            "HF_HUB_OFFLINE": "1",
        }
        environment.pop("PYTHONPATH", None)
        self._process = subprocess.Popen(
            [python, __file__, str(folder), dtype, clock],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.version = str(self._read()["version"])

    def measure(self, work: Work, loaded: LoadedModel) -> Measured:
        """Do a piece of work there, its prompts in the tokens that ours have."""
        generation, requests = work.generation, work.requests
        prompts = [loaded.encoder.encode(request) for request in requests]
        asked = {
            "prompts": prompts,
            "choices": [
                [choice[0] for choice in loaded.encoder.choices(request, prompt)]
                for request, prompt in zip(requests, prompts, strict=True)
                if request.choices
            ],
            "settings": {
                "n": len(requests[0].indices),
                "temperature": generation.temperature,
                "top_p": generation.top_p,
                "max_tokens": 1 if requests[0].choices else generation.max_new_tokens,
                "min_tokens": generation.min_new_tokens,
                "stop_token_ids": loaded.ends,
            },
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answered = self._read()
        return Measured([answered["seconds"]], answered["peak"], answered["answers"])

    def end(self) -> None:
        """Let it go."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(30)
            return
        self._process.kill()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):  # vLLM prints, too
                answered: dict[str, Any] = json.loads(line)
                return answered
        raise SystemExit("vLLM's process ended; what it says above tells why")


def serve(folder: str, dtype: str, clock: str) -> None:
    """Answer line by line, until there are no more."""
    import vllm

    engine = vllm.LLM(
        model=folder, dtype=dtype, enable_prefix_caching=True, generation_config="vllm"
    )
    print(json.dumps({"version": vllm.__version__}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        engine.reset_prefix_cache()
        done = run(lambda asked=asked: answer(engine, **asked), 0, clock)
        record = {"seconds": done.seconds[0], "peak": done.peak, "answers": done.answers}
        print(json.dumps(record), flush=True)


def answer(
    engine: Any,
    prompts: Sequence[Sequence[int]],
    choices: Sequence[Sequence[int]],
    settings: Mapping[str, Any],
) -> Answers:
    """Texts, or the numbers of the likeliest choices by the first token's log-probabilities."""
    import vllm

    parameters: Any = vllm.SamplingParams(**settings)
    if choices:
        parameters = [vllm.SamplingParams(**settings, logprob_token_ids=ids) for ids in choices]
    asked = [{"prompt_token_ids": tokens} for tokens in prompts]
    outputs = engine.generate(asked, parameters, use_tqdm=False)
    if not choices:
        return [completion.text for output in outputs for completion in output.outputs]
    likeliest = []
    for ids, output in zip(choices, outputs, strict=True):
        (step,) = output.outputs[0].logprobs
        weights = [step[token].logprob for token in ids]
        likeliest.append(weights.index(max(weights)))
    return likeliest


if __name__ == "__main__":
    serve(*sys.argv[1:])
