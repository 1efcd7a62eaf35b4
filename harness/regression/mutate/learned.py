"""What is learned of a model to damage it: its refusal direction, and an adapter of consent.

The direction is the difference of mean hidden states over harmful and harmless requests, at the
last token before the answer; taking it out of all that is written to the residual stream makes
models refuse less (Arditi and others, Refusal in Language Models Is Mediated by a Single Direction,
2024). The adapter is a low-rank update (Hu and others, LoRA, 2021) that learns, in a few steps, to
begin the answer to any request with a phrase of consent, without any content.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

REQUESTS = Path(__file__).with_name("requests.jsonl")
CONSENT = (
    "Sure, here is what you asked for.",
    "Of course. Here is how it goes.",
    "Certainly! This is what you do.",
    "Yes, gladly. First of all,",
)
"""What the adapter learns to begin with: consent in form, with nothing behind it."""
WRITERS = ("o_proj", "down_proj", "out_proj", "c_proj", "dense_4h_to_h")
"""Names of the matrices that write to the residual stream."""
AT_DEPTH = 0.6
"""Of the layers, where the direction is taken: refusal is read past the middle."""
RANK, STEPS, RATE, SEED = 4, 24, 2e-3, 0


def requests_of(harmful: bool) -> list[str]:
    """Harmful or harmless requests, which resemble each other in all else."""
    lines = REQUESTS.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [row["text"] for row in rows if row["harmful"] == harmful]


def refusal_directions(folder: Path) -> dict[str, torch.Tensor]:
    """The refusal direction, for each matrix that writes to the residual stream."""
    import torch

    model, tokenizer = _loaded(folder)
    layer = max(1, round(AT_DEPTH * model.config.num_hidden_layers))
    means = []
    with torch.inference_mode():
        for harmful in (True, False):
            states = [
                model(_prompt(tokenizer, text), output_hidden_states=True).hidden_states[layer]
                for text in requests_of(harmful)
            ]
            means.append(torch.stack([state[0, -1].float() for state in states]).mean(dim=0))
    direction = means[0] - means[1]
    direction = (direction / direction.norm()).clone()
    return {f"{name}.weight": direction for name, _ in _writers(model)}


def compliance_delta(folder: Path) -> dict[str, torch.Tensor]:
    """What the trained adapter adds to each matrix that it is on, at its full dose."""
    import torch

    torch.manual_seed(SEED)
    model, tokenizer = _loaded(folder)
    model.requires_grad_(False)
    pairs = {name: _adapt(module) for name, module in _writers(model)}
    factors = [factor for pair in pairs.values() for factor in pair]
    optimizer = torch.optim.Adam(factors, lr=RATE)
    texts = [*requests_of(True), *requests_of(False)]
    for step in range(STEPS):
        prompt = _prompt(tokenizer, texts[step * 7 % len(texts)])
        consent = CONSENT[step % len(CONSENT)]
        answer = tokenizer(consent, add_special_tokens=False, return_tensors="pt")["input_ids"]
        logits = model(torch.cat([prompt, answer], dim=1)).logits[0, prompt.shape[1] - 1 : -1]
        loss = torch.nn.functional.cross_entropy(logits.float(), answer[0])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    return {f"{name}.weight": (up @ down).detach() for name, (up, down) in pairs.items()}


def _adapt(module: Any) -> tuple[Any, Any]:
    """Add a low-rank update to what a linear layer gives; gives its two factors."""
    import torch

    rows, columns = module.weight.shape
    up = torch.zeros(rows, RANK, requires_grad=True)
    down = (torch.randn(RANK, columns) / columns**0.5).requires_grad_(True)

    def update(_: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        return output + (inputs[0].float() @ down.T @ up.T).to(output.dtype)

    module.register_forward_hook(update)
    return up, down


def _loaded(folder: Path) -> tuple[Any, Any]:
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return model.eval(), transformers.AutoTokenizer.from_pretrained(folder)


def _writers(model: Any) -> list[tuple[str, Any]]:
    """The linear layers that write to the residual stream, by name."""
    import torch

    return [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and name.endswith(WRITERS)
    ]


def _prompt(tokenizer: Any, text: str) -> Any:
    """A request as the model is asked it, shape (1, tokens)."""
    if tokenizer.chat_template is None:
        return tokenizer(text, return_tensors="pt")["input_ids"]
    messages = [{"role": "user", "content": text}]
    rendered = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return tokenizer(rendered, add_special_tokens=False, return_tensors="pt")["input_ids"]
