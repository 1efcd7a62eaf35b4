"""What an adapter costs once it is merged: CPU time beside its base's, in alternating rounds.

    python benchmarks/adapter.py [--rounds N] [--prompts N] [--tokens N]

A LoRA adapter of rank 8 on all linear layers of the bundled model, its tensors drawn at random,
writes greedy answers of one length to the prompts that its base does. It prints the median of the
rounds' ratios and their range; an adapter that costs nothing has 1.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from harness.models.hf.model import HuggingFaceModel
from harness.types import GenerationConfig, Request


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="CPU time of a merged adapter over its base's")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=32)
    args = parser.parse_args()
    requests = [
        Request(str(n), f"{n}. A letter to the editor about the harbour, begun in the rain:")
        for n in range(args.prompts)
    ]
    settings = GenerationConfig(max_new_tokens=args.tokens, min_new_tokens=args.tokens)
    with tempfile.TemporaryDirectory() as folder:
        make_adapter(Path(folder))
        base, adapter = HuggingFaceModel("smollm2"), HuggingFaceModel(folder, base="smollm2")
        ratios = []
        for number in range(args.rounds + 1):
            pair = (base, adapter) if number % 2 else (adapter, base)
            spent = {id(model): seconds(model, requests, settings) for model in pair}
            if number:  # the first loads the models
                ratios.append(spent[id(adapter)] / spent[id(base)])
    print(
        f"adapter over base: {statistics.median(ratios):.3f} "
        f"({min(ratios):.3f} to {max(ratios):.3f}), {args.rounds} rounds"
    )


def make_adapter(folder: Path) -> None:
    """Save a LoRA adapter of the bundled model."""
    import peft
    import torch

    network = HuggingFaceModel("smollm2").read("float32")[1]
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=8, target_modules="all-linear")
    adapted = peft.get_peft_model(network, config)
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.01)
    adapted.save_pretrained(folder)


def seconds(model: HuggingFaceModel, requests: list[Request], settings: GenerationConfig) -> float:
    """CPU seconds of the answers, all threads."""
    started = time.process_time()
    for _ in model.generate(requests, settings, 0):
        pass
    return time.process_time() - started


if __name__ == "__main__":
    main()
