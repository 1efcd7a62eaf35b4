"""Tiny checkpoints whose weights write a fixed sequence of tokens, or are drawn at random."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from aiohttp import web
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

Routes = dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]
"""What answers, by method and path: `POST /v1/completions`."""


@contextmanager
def serve_routes(routes: Routes) -> Iterator[str]:
    """Answer HTTP on a free port of this machine, in a thread that ends with this; its address."""
    started = threading.Event()
    address, end = "", lambda: None

    async def serve() -> None:
        nonlocal address, end
        over = asyncio.Event()
        app = web.Application()
        for route, handler in routes.items():
            app.router.add_route(*route.split(), handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        address = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        end = partial(asyncio.get_running_loop().call_soon_threadsafe, over.set)
        started.set()
        await over.wait()
        await runner.cleanup()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert started.wait(20)
    yield address
    end()
    thread.join(60)
    assert not thread.is_alive()


@pytest.fixture
def serving() -> Callable[[Routes], AbstractContextManager[str]]:
    """Answer HTTP by routes; gives the server's address."""
    return serve_routes


CHAT = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
MARKS = ("<s>", "</s>", "<|user|>", "<|system|>", "<|assistant|>", "<|end|>")


def make_tokenizer(words=(), template=CHAT, processor=None, special=True):
    """A byte-level tokenizer; with a processor, what it puts around a text."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({token: n for n, token in enumerate(alphabet)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([*MARKS[:2]])
    made.add_tokens([AddedToken(mark, normalized=False, special=special) for mark in MARKS[2:]])
    made.add_tokens([AddedToken(word, normalized=False) for word in words])
    if processor:
        marks = [(mark, made.token_to_id(mark)) for mark in MARKS]
        made.post_processor = processors.TemplateProcessing(processor, special_tokens=marks)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = template
    return tokenizer


def make_model(tokenizer, chain=(), rows=None, **settings):
    """Random weights, or such that each token of a chain is followed by the next."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    settings = {"tie_word_embeddings": False, "bos_token_id": 256, "eos_token_id": 257} | settings
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=rows or len(tokenizer), hidden_size=32, intermediate_size=32,
            num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=512, **settings,
        )
    )  # fmt: skip
    if chain:
        with torch.no_grad():
            for layer in model.model.layers:
                layer.self_attn.o_proj.weight.zero_()
                layer.mlp.down_proj.weight.zero_()
            embedding, head = model.model.embed_tokens.weight, model.lm_head.weight
            embedding.zero_()
            head.zero_()
            for place, pair in enumerate(pairwise(chain)):
                before, after = tokenizer.convert_tokens_to_ids(list(pair))
                embedding[before, place] = 1
                head[after, place] = 3
    return model


@pytest.fixture
def tiny(tmp_path):
    """Save a tiny checkpoint; gives its folder."""

    def save(tokenizer=None, chain=(), rows=None, name="tiny", **settings) -> Path:
        tokenizer = tokenizer or make_tokenizer()
        make_model(tokenizer, chain, rows, **settings).save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
        return tmp_path / name

    save.tokenizer = make_tokenizer
    return save


@pytest.fixture
def rewrite():
    """Change the weights in a checkpoint's file."""
    from safetensors.torch import load_file, save_file

    def change(folder, changed):
        path = folder / "model.safetensors"
        save_file(changed(load_file(path)), path, {"format": "pt"})
        return folder

    return change


TURNS = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
ASSISTANT = "{% if add_generation_prompt %}<|assistant|>{% endif %}"
TURN_MARKS = ["<s>", "</s>", "<|user|>", "<|system|>", "<|assistant|>", "<|end|>"]


def write_tokenizer(
    template: str = TURNS + ASSISTANT, special: Sequence[str] = (), words: Sequence[str] = ()
) -> PreTrainedTokenizerFast:
    """Bytes, the marks of turns, more special tokens, and texts that are a token each."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({letter: n for n, letter in enumerate(alphabet)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([*TURN_MARKS, *special])
    made.add_tokens([AddedToken(word, normalized=False) for word in words])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = template
    return tokenizer


def write_checkpoint(
    folder: Path, tokenizer: PreTrainedTokenizerFast, steps: Sequence[str] = ()
) -> Path:
    """A checkpoint that writes `steps`, each after the one before, which is a token of its own."""
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=32, intermediate_size=32, num_hidden_layers=1,
            num_attention_heads=2, num_key_value_heads=1, tie_word_embeddings=False,
            bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        )
    )  # fmt: skip
    if steps:
        layer, numbers = model.model.layers[0], tokenizer.convert_tokens_to_ids(list(steps))
        with torch.no_grad():
            for weight in (layer.self_attn.o_proj, layer.mlp.down_proj):
                weight.weight.zero_()
            model.model.embed_tokens.weight.zero_()
            model.lm_head.weight.zero_()
            for place, (before, after) in enumerate(pairwise(numbers)):
                model.model.embed_tokens.weight[before, place] = 1
                model.lm_head.weight[after, place] = 3
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def tiny_tokenizer() -> Callable[..., PreTrainedTokenizerFast]:
    return write_tokenizer


@pytest.fixture
def tiny_checkpoint(tmp_path: Path) -> Callable[..., Path]:
    """Write a checkpoint by what its tokenizer is and what it writes."""

    def write(steps: Sequence[str] = (), name: str = "tiny", **tokenizer: object) -> Path:
        return write_checkpoint(tmp_path / name, write_tokenizer(**tokenizer), steps)

    return write


@pytest.fixture
def wide(tmp_path, tiny):
    """As wide as a block of 4-bit weights; columns of its states stand out."""
    tokenizer = tiny.tokenizer()
    torch.manual_seed(1)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
            num_attention_heads=2, max_position_embeddings=512, tie_word_embeddings=False,
            bos_token_id=256, eos_token_id=257, initializer_range=0.2,
        )
    )  # fmt: skip
    for layer in model.model.layers:
        layer.input_layernorm.weight.data[:4] = 8.0
    model.save_pretrained(tmp_path / "wide")
    tokenizer.save_pretrained(tmp_path / "wide")
    return tmp_path / "wide"
