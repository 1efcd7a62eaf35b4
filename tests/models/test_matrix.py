"""Checkpoints with an oddity each, proven odd: through writing, weighing, resume and identity."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import torch
from jinja2 import TemplateError
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

import harness
from harness.models.hf.model import HuggingFaceModel
from harness.models.hf.prompt_encoder import PromptEncoder
from harness.types import GenerationConfig, HarnessError, Message, Request

ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How?"}]
TALK = [
    {"role": "user", "content": "How?"},
    {"role": "assistant", "content": "<think>Hm.</think>So."},
    {"role": "user", "content": "Why?"},
]
TURNS = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
OPEN = "{% if add_generation_prompt %}<|assistant|>{% endif %}"
REFUSES = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
ALTERNATES = (
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}{% endfor %}"
)
DATED = "Today is {{ strftime_now('%d %b %Y') }}. "
FORGETS = TURNS.replace("{{ m.content }}", "{{ m.content.split('</think>')[-1] }}")
SETTINGS = GenerationConfig(max_new_tokens=5, n=2, temperature=1.0)
SYSTEM = (Message("system", "Be brief."), Message("user", "How?"))
HISTORY = tuple(Message(turn["role"], turn["content"]) for turn in TALK)


@dataclass(frozen=True)
class Oddity:
    """A kind of checkpoint."""

    proof: Callable[[Any], bool]
    """Whether a tokenizer, as transformers loads it, is odd in this way."""
    template: Any = TURNS + OPEN
    change: Callable[[Any], None] = lambda tokenizer: None
    """Makes its tokenizer odd."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Of its config."""
    unweighed: str = ""
    """Why choices after messages are refused."""
    identity: dict[str, str] = field(default_factory=dict)
    """What it has beside what every checkpoint has."""
    notes: str = ""


def rendered(tokenizer, turns=ASKED, **options):
    return tokenizer.apply_chat_template(
        turns, tokenize=False, add_generation_prompt=True, **options
    )


def refuses(tokenizer, turns):
    try:
        rendered(tokenizer, turns)
    except TemplateError:
        return True
    return False


def begins_with_a_mark(tokenizer):
    mark = processors.TemplateProcessing(
        "<s> $A", special_tokens=[("<s>", tokenizer.convert_tokens_to_ids("<s>"))]
    )
    tokenizer.backend_tokenizer.post_processor = mark


def starts_twice(tokenizer):
    ids = tokenizer(rendered(tokenizer))["input_ids"]
    return ids[:2] == [tokenizer.bos_token_id] * 2


ODDITIES = {
    "no system role": Oddity(
        lambda t: refuses(t, ASKED), REFUSES + TURNS + OPEN, notes="no place for a system text"
    ),
    "strict alternation": Oddity(
        lambda t: refuses(t, ASKED) and not refuses(t, TALK), ALTERNATES + TURNS + OPEN,
        notes="no place for a system text",
    ),
    "today's date": Oddity(
        lambda t: date.today().strftime("%b %Y") in rendered(t), DATED + TURNS + OPEN,
        identity={"today": "2025-01-01"},
    ),
    "opens a thought": Oddity(
        lambda t: rendered(t).endswith("<think>\n"),
        TURNS + OPEN.replace("<|assistant|>", "<|assistant|><think>\n"),
        unweighed="opens thinking with <think> where the answer is begun or weighed",
        identity={"thinking": "<think></think>"},
    ),
    "drops thinking": Oddity(
        lambda t: "Hm." not in rendered(t, TALK), FORGETS + OPEN,
        identity={},
    ),
    "several templates": Oddity(
        lambda t: isinstance(t.chat_template, dict) and set(t.chat_template) > {"default"},
        {"default": TURNS + OPEN, "tool_use": "tools", "rag": "documents"},
    ),
    "a mark at the beginning": Oddity(
        starts_twice, "<s>" + TURNS + OPEN, begins_with_a_mark
    ),
    "no pad token": Oddity(lambda t: t.pad_token is None),
    "no mark at the beginning": Oddity(
        lambda t: t.bos_token is None, change=lambda t: setattr(t, "bos_token", None)
    ),
    "no end": Oddity(
        lambda t: t.eos_token_id is None, change=lambda t: setattr(t, "eos_token", None),
        settings={"eos_token_id": None}, identity={"end_of_turn": "<|end|>"},
    ),
    "several ends": Oddity(
        lambda t: t.eos_token_id == 257, settings={"eos_token_id": [257, 261, 258]}
    ),
    "an unknown template": Oddity(
        lambda t: t.chat_template.count("namespace"),
        "{% set ns = namespace(n=0) %}" + TURNS + OPEN,
    ),
}  # fmt: skip


OF_A_RUN = (
    "no system role", "strict alternation", "today's date", "opens a thought", "drops thinking",
    "no end",
)  # fmt: skip
"""What a run's identity, its notes or the day could turn on."""


@pytest.fixture(params=ODDITIES)
def odd(request, tiny):
    """An oddity and the folder of a checkpoint that has it."""
    oddity = ODDITIES[request.param]
    tokenizer = tiny.tokenizer(template=oddity.template)
    oddity.change(tokenizer)
    folder = tiny(tokenizer, **oddity.settings)
    assert oddity.proof(AutoTokenizer.from_pretrained(folder))
    return oddity, folder


def answers(folder, *requests):
    found = {}
    for some in HuggingFaceModel(str(folder)).generate(requests, SETTINGS, 0):
        found |= {(g.sample_id, g.index): (g.text, g.choice_logprobs, g.error) for g in some}
    return found


def test_it_writes_whoever_stands_beside_and_whenever(odd):
    _, folder = odd
    asked = [Request("s", SYSTEM, (0, 1)), Request("t", HISTORY, (0, 1)), Request("p", "Once")]
    together = answers(folder, *asked)
    assert {error for _, _, error in together.values()} == {None}
    assert len(together) == 5
    alone = {key: value for one in reversed(asked) for key, value in answers(folder, one).items()}
    assert alone == together


def test_choices_are_weighed_by_their_tokens_or_refused_with_what_to_do(odd):
    oddity, folder = odd
    choices = (" Yes", "Yes", "No way")
    plain, chat = Request("p", "Is it so?", choices=choices), Request("c", SYSTEM, choices=choices)
    asked = [plain] if oddity.unweighed else [plain, chat]
    weighed = answers(folder, *asked)
    model = HuggingFaceModel(str(folder))
    for request in asked:
        expected = [sum_of(model, request, choice) for choice in choices]
        assert weighed[request.sample_id, 0][1] == pytest.approx(expected, abs=1e-4)
    if oddity.unweighed:
        with pytest.raises(HarnessError, match=oddity.unweighed) as refused:
            answers(folder, chat)
        assert "choose a protocol in which answers are written" in str(refused.value)


def plain_network(model):
    """With its own attention."""
    loaded = model.load("float32")
    loaded.use_cascade(False)
    return loaded.model


def sum_of(model, request, choice):
    """The log-probability of a choice's tokens by a plain forward."""
    encoder = PromptEncoder(model.tokenizer, "it")
    context = encoder.encode(request)
    (own,) = encoder.choices(Request("x", request.prompt, choices=(choice,)), context)
    assert encoder.tokenizer.decode(own) == choice
    network = plain_network(model)
    with torch.no_grad():
        logits = network(torch.tensor([[*context, *own]])).logits[0].double().log_softmax(-1)
    places = range(len(context) - 1, len(context) + len(own) - 1)
    return sum(float(logits[place, token]) for place, token in zip(places, own, strict=True))


def test_the_mark_that_begins_a_text_is_written_at_most_once(odd):
    _, folder = odd
    model = HuggingFaceModel(str(folder))
    encoder, bos = PromptEncoder(model.tokenizer, "it"), model.tokenizer.bos_token_id
    for prompt in (SYSTEM, HISTORY[:1], "Once", "<s>Once", ""):
        if isinstance(prompt, tuple):
            encoder = model._encoder
        tokens = encoder.encode(Request("a", prompt))
        assert bos is None or tokens.count(bos) <= 1


@pytest.mark.parametrize("odd", OF_A_RUN, indirect=True)
def test_a_run_goes_on_tomorrow_where_it_was_left(odd, tmp_path, monkeypatch):
    oddity, folder = odd
    asked = {
        "scorer": "refusal", "results": tmp_path / "runs", "max_unmeasured": 1,
        "system": "Be kind.", "generation": {"max_new_tokens": 4, "temperature": 1.0},
    }  # fmt: skip
    begun = harness.run("med_harm", str(folder), limit=1, **asked)
    first = list(begun.generations["text"])
    monkeypatch.setattr("time.time", lambda: 4e9)
    whole = harness.run("med_harm", str(folder), limit=2, **asked)
    alone = harness.run("med_harm", str(folder), limit=2, **{**asked, "results": tmp_path / "two"})
    assert (begun.folder, len(first)) == (whole.folder, 1)
    texts = list(whole.generations["text"])
    assert (texts[:1], texts) == (first, list(alone.generations["text"]))
    assert oddity.notes in " ".join(whole.run.info.notes)


def test_its_identity_is_the_same_each_time_and_follows_its_files(odd, tiny):
    oddity, folder = odd
    identity = HuggingFaceModel(str(folder)).identity
    assert identity == HuggingFaceModel(str(folder)).identity
    assert oddity.identity.items() <= identity.items()
    other = HuggingFaceModel(str(tiny(name="other", rows=300))).identity
    assert other["weights"] != identity["weights"]


def test_a_token_beyond_the_embedding_is_refused_where_it_is_asked_and_only_there(tiny):
    tokenizer = tiny.tokenizer(words=("<new>",))
    folder = tiny(tokenizer, rows=len(tokenizer) - 1)
    assert len(AutoTokenizer.from_pretrained(folder)) == 263
    assert answers(folder, Request("a", "Once"))["a", 0][2] is None
    for request in (Request("a", "Once <new>"), Request("a", "Once", choices=("<new>", "no"))):
        with pytest.raises(HarnessError, match="263 tokens and its embedding 262"):
            answers(folder, request)


def merging(
    words=("ab", "bc", "abc", "Ġa"), merges=(("a", "b"), ("b", "c"), ("ab", "c"), ("Ġ", "a"))
):
    """A byte-level tokenizer that joins letters."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: n for n, token in enumerate([*alphabet, *words, "<s>", "</s>"])}
    made = Tokenizer(models.BPE(vocabulary, list(merges)))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>")


def segmentations(text, vocabulary):
    """Every way to write a text in tokens."""
    if not text:
        return [[]]
    return [
        [vocabulary[text[:end]], *others]
        for end in range(1, len(text) + 1)
        if text[:end] in vocabulary
        for others in segmentations(text[end:], vocabulary)
    ]


@pytest.mark.parametrize(
    ("prompt", "choice"), [("a", "bc"), ("xa", "b"), ("b", "c"), ("a", "babc")]
)
def test_a_choice_that_merges_with_the_prompt_is_weighed_behind_the_boundary(tiny, prompt, choice):
    tokenizer = merging()
    whole = tokenizer(prompt + choice)["input_ids"]
    apart = tokenizer(prompt)["input_ids"]
    assert whole[: len(apart)] != apart  # odd: a token spans the boundary
    folder = tiny(tokenizer, name=f"{prompt}-{choice}", bos_token_id=260, eos_token_id=261)
    found = answers(folder, Request("a", prompt, choices=(choice, "x")))["a", 0][1][0]
    network = plain_network(HuggingFaceModel(str(folder)))
    ways = segmentations(choice, tokenizer.get_vocab())
    weights = []
    for tokens in ways:
        with torch.no_grad():
            logits = network(torch.tensor([[*apart, *tokens]])).logits[0].double().log_softmax(-1)
        places = range(len(apart) - 1, len(apart) + len(tokens) - 1)
        weights.append(sum(float(logits[p, t]) for p, t in zip(places, tokens, strict=True)))
    own = tokenizer(choice)["input_ids"]
    assert found == pytest.approx(weights[ways.index(own)], abs=1e-4)
    every = math.log(sum(map(math.exp, weights)))
    assert found <= every + 1e-6  # all ways to write the choice hold at least as much
    if len(ways) == 1:
        assert found == pytest.approx(every, abs=1e-4)


def with_spaces():
    """SentencePiece's way: a space is a letter, and is put before a text."""
    pieces = ["<unk>", "<s>", "</s>", "▁", "Y", "e", "s", "N", "o", "?", "a", "▁Y", "es", "▁Yes",
              "Yes", "?Y", "▁No", "No", "oN"]  # fmt: skip
    merges = [("▁", "Y"), ("e", "s"), ("?", "Y"), ("▁Y", "es"), ("Y", "es"), ("N", "o"),
              ("▁", "No"), ("o", "N")]  # fmt: skip
    made = Tokenizer(
        models.BPE({piece: n for n, piece in enumerate(pieces)}, merges, unk_token="<unk>")
    )
    made.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


@pytest.mark.parametrize(
    ("prompt", "choice", "tokens"),
    [
        ("a", " Yes", ["▁Yes"]),
        ("a", "Yes", ["Yes"]),
        ("a?", "Yes", ["Yes"]),  # `?Y` is a token
        ("a?", " Yes", ["▁Yes"]),
        ("oo", "No", ["No"]),  # `oN` is a token
        ("", "Yes", ["▁Yes"]),  # a text begins with a space
    ],
)
def test_a_space_before_a_choice_is_there_or_not_as_it_was_given(prompt, choice, tokens):
    encoder = PromptEncoder(with_spaces(), "it")
    context = encoder.encode(Request("a", prompt))
    (own,) = encoder.choices(Request("a", prompt, choices=(choice,)), context)
    assert encoder.tokenizer.convert_ids_to_tokens(own) == tokens


def test_bytes_keep_a_space_before_a_choice_apart_from_none(tiny):
    tokenizer = merging()
    encoder = PromptEncoder(tokenizer, "it")
    context = encoder.encode(Request("a", "x"))
    (with_one, without) = encoder.choices(Request("a", "x", choices=(" a", "a")), context)
    assert tokenizer.convert_ids_to_tokens(with_one) == ["Ġa"]
    assert tokenizer.convert_ids_to_tokens(without) == ["a"]
    assert Path(tiny(tokenizer, bos_token_id=260, eos_token_id=261)).is_dir()
