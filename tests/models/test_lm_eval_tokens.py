"""What lm-eval's own model of transformers makes of a text, against what is asked here for it."""

import random

import pytest
import torch
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertLMHeadModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from harness.models.hf.model import HuggingFaceModel
from harness.models.hf.prompt_encoder import PromptEncoder
from harness.types.errors import HarnessError
from harness.types.records import Message, Request
from harness.types.settings import GenerationConfig

WORDS = (  # noqa: SIM905
    "the doctor asks a patient about care yes no answer Answer: Q: A B C D 007 2009-01-12 "
    "caf\u00e9 na\u00efve \u4f60\u597d \u0434\u0430 unbelievable"
).split()
JOINS = ["", " ", "  ", "\n", "\n\n", " \n", "\t", ".", ":", "\u00a0", "\u3000"]
CHAT = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
MARKS = ["<s>", "</s>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>"]
KINDS = ["byte_bpe", "byte_bpe_begun", "unigram", "metaspace_bpe", "wordpiece", "ended"]
TEXTS = [" ".join(WORDS[i:] + WORDS[:i]) for i in range(len(WORDS))]


def trained(kind):
    shared = {"vocab_size": 400, "show_progress": False}
    if kind == "unigram":
        made = Tokenizer(models.Unigram())
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
        made.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(unk_token="<unk>", special_tokens=["<unk>"], **shared)
    elif kind == "metaspace_bpe":
        made = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
        made.normalizer = normalizers.Sequence(
            [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
        )
        made.decoder = decoders.Metaspace()
        trainer = trainers.BpeTrainer(special_tokens=["<unk>"], **shared)
    elif kind == "wordpiece":
        made = Tokenizer(models.WordPiece(unk_token="<unk>"))
        made.normalizer = normalizers.BertNormalizer(lowercase=True)
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        made.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(special_tokens=["<unk>"], **shared)
    else:
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(initial_alphabet=alphabet, **shared)
    made.train_from_iterator(TEXTS * 3, trainer)
    made.add_special_tokens(MARKS)
    return made


def tokenizer(kind):
    made = trained(kind)
    pattern = {"byte_bpe": None, "ended": "<s> $A </s>", "wordpiece": "<s> $A"}.get(kind, "<s> $A")
    if pattern:
        marks = [(mark, made.token_to_id(mark)) for mark in ("<s>", "</s>")]
        made.post_processor = processors.TemplateProcessing(single=pattern, special_tokens=marks)
    begins = {} if kind == "byte_bpe" else {"bos_token": "<s>"}
    found = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="</s>", **begins)
    found.chat_template = CHAT if kind != "metaspace_bpe" else f"<s>{CHAT}"
    return found


def weights(kind, made):
    torch.manual_seed(3)
    ends = {"bos_token_id": made.bos_token_id, "eos_token_id": made.eos_token_id}
    small = {"vocab_size": len(made), **ends}
    if kind == "byte_bpe":
        return GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=2, n_head=2, n_positions=256, **small))
    if kind == "wordpiece":
        config = BertConfig(
            hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
            max_position_embeddings=256, is_decoder=True, **small,
        )  # fmt: skip
        return BertLMHeadModel(config)
    config = LlamaConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=256, **small,
    )  # fmt: skip
    return LlamaForCausalLM(config)


@pytest.fixture(scope="module", params=KINDS)
def pair(request, tmp_path_factory):
    """lm-eval's model of a tiny checkpoint, which writes down what it runs, and ours."""
    from lm_eval.models.huggingface import HFLM

    class Watched(HFLM):
        ran = ()
        wrote = ()

        def _loglikelihood_tokens(self, requests, **options):
            self.ran = [(context, choice) for _, context, choice in requests]
            return super()._loglikelihood_tokens(requests, **options)

        def _model_generate(self, context, **options):
            self.ran = context.tolist()
            rows = super()._model_generate(context, **options)
            self.wrote = rows[0, context.shape[1] :].tolist()
            return rows

    folder = tmp_path_factory.mktemp(request.param)
    made = tokenizer(request.param)
    weights(request.param, made).save_pretrained(folder)
    made.save_pretrained(folder)
    theirs = Watched(str(folder), dtype="float32", device="cpu", batch_size=1)
    return theirs, HuggingFaceModel(str(folder), dtype="float32", device="cpu")


def drawn(rng, least=0, most=6):
    words = [rng.choice(WORDS) for _ in range(rng.randint(least, most))]
    return "".join(word + rng.choice(JOINS) for word in words)


def cases(seed, count=60):
    rng = random.Random(seed)
    for number in range(count):
        context = drawn(rng, 1) or "the"
        begun = ["", "<s>", "</s>"][number % 3 if number % 2 else 0]
        choices = {rng.choice(["", " ", "\n"]) + rng.choice(WORDS) + drawn(rng, 0, 1)
                   for _ in range(3)}  # fmt: skip
        yield begun + context, tuple(sorted(choices))
    yield "", ("yes", " no", "</s>the doctor", "<s>the doctor")


def instances(kind, pairs):
    from lm_eval.api.instance import Instance

    return [Instance(kind, {}, arguments, 0) for arguments in pairs]


def asked(model, requests, **settings):
    config = GenerationConfig(max_new_tokens=4, **settings)
    found = [one for part in model.generate(requests, config, 0) for one in part]
    return {one.sample_id: one for one in found}


@pytest.mark.filterwarnings("ignore")
def test_choices_have_lm_eval_s_tokens_and_log_probabilities(pair):
    theirs, ours = pair
    encoder = PromptEncoder(AutoTokenizer.from_pretrained(ours.name), ours.name)
    requests, expected, grown = [], {}, 0
    for number, (context, choices) in enumerate(cases(1)):
        request = Request(str(number), context, choices=choices, encoded_as="lm_eval")
        requests.append(request)
        prompt = encoder.encode(request)
        rows = [(prompt, tokens) for tokens in encoder.choices(request, prompt)]
        try:
            said = theirs.loglikelihood(
                instances("loglikelihood", [(context, choice) for choice in choices]), True
            )
        except AssertionError:  # lm-eval ends there: nothing is left of a choice
            assert any(not tokens for _, tokens in rows)
        assert rows == theirs.ran
        # Beside a choice of one token lm-eval gives one of none the probability 1.
        whole = all(tokens for _, tokens in rows)
        expected[str(number)] = said if whole else None
        grown += not whole
    found = asked(ours, requests)
    for name, said in expected.items():
        if said is None:
            assert "grows together" in found[name].error
            continue
        assert found[name].error is None
        assert found[name].choice_logprobs == pytest.approx(
            [weight for weight, _ in said], abs=1e-4
        )
        assert found[name].choice_greedy == tuple(greedy for _, greedy in said)
    assert grown < len(requests) // 2


@pytest.mark.filterwarnings("ignore")
def test_what_is_to_be_continued_has_lm_eval_s_tokens(pair):
    theirs, ours = pair
    encoder = PromptEncoder(AutoTokenizer.from_pretrained(ours.name), ours.name)
    ends = set(encoder.ends(None))
    for context, _ in cases(2, 20):
        if not context:
            continue
        settings = {"until": [], "max_gen_toks": 4, "do_sample": False}
        (said,) = theirs.generate_until(instances("generate_until", [(context, settings)]), True)
        request = Request("a", context, encoded_as="lm_eval")
        assert [encoder.encode(request)] == theirs.ran
        # The trainer draws the vocabulary anew in each process, so any token may be written; at
        # one that ends a turn by the template lm-eval goes on, and an answer of ours ends.
        if ends.isdisjoint(theirs.wrote):
            assert asked(ours, [request])["a"].text == said
        else:
            cut = encoder.answer(theirs.wrote, ends, ())
            assert asked(ours, [request])["a"].text == cut.text
            assert said.startswith(cut.text)


@pytest.mark.filterwarnings("ignore")
def test_messages_have_lm_eval_s_tokens(pair):
    theirs, ours = pair
    encoder = PromptEncoder(AutoTokenizer.from_pretrained(ours.name), ours.name)
    turns = (Message("user", "the doctor asks "), Message("assistant", "yes"),
             Message("user", "Q: "))  # fmt: skip
    for prompt in (turns[:1], turns, (*turns, Message("assistant", "Answer: "))):
        request = Request("a", prompt, choices=("yes", " no", "A"), encoded_as="lm_eval")
        history = [{"role": m.role, "content": m.content} for m in prompt]
        text = theirs.apply_chat_template(history, prompt[-1].role != "assistant")
        pairs = [(text, choice) for choice in request.choices]
        said = theirs.loglikelihood(instances("loglikelihood", pairs), True)
        context = encoder.encode(request)
        assert [(context, ids) for ids in encoder.choices(request, context)] == theirs.ran
        weighed = asked(ours, [request])["a"].choice_logprobs
        assert weighed == pytest.approx([weight for weight, _ in said], abs=1e-4)


def test_what_lm_eval_would_shorten_fails(pair):
    _, ours = pair
    long = "the doctor " * 200
    found = asked(ours, [
        Request("weighed", long, choices=("yes", "no"), encoded_as="lm_eval"),
        Request("written", long, encoded_as="lm_eval"),
    ])  # fmt: skip
    assert all("exceed the model's context of 256" in found[name].error for name in found)


def test_our_own_choices_leave_every_token_of_the_prompt_as_it_is():
    found = tokenizer("byte_bpe")
    encoder = PromptEncoder(found, "tiny")
    for prompt in ("Answer: ", "the doc", "Q:\n"):
        request = Request("a", prompt, choices=("yes", "tor"))
        context = encoder.encode(request)
        assert context == found.encode(prompt)
        for choice, ids in zip(request.choices, encoder.choices(request, context), strict=True):
            assert found.decode(ids) == choice


def test_an_empty_context_without_a_token_to_begin_with_is_refused():
    found = PreTrainedTokenizerFast(tokenizer_object=trained("byte_bpe"))
    request = Request("x", "", choices=("yes",), encoded_as="lm_eval")
    with pytest.raises(HarnessError, match=r"'x' asks for what follows no text .* nor eos_token"):
        PromptEncoder(found, "tiny").encode(request)
