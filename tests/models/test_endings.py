"""Where prompts and answers end: by declaration, by the tokenizer and by the chat template."""

import json

import pytest

from harness.models.checkpoints.endings import Endings, endings_of
from harness.models.hf.model import HuggingFaceModel
from harness.models.hf.prompt_encoder import PromptEncoder
from harness.types.errors import HarnessError
from harness.types.records import Message, Request
from harness.types.settings import GenerationConfig

REFUSAL, MORE = "I cannot help with that.", "Tell me more."
ON = ("<|assistant|>", REFUSAL, "<|end|>", "<|user|>", MORE, "<|assistant|>")
SETTINGS = GenerationConfig(max_new_tokens=12)
ASKED = Request("a", (Message("user", "hello"),))
APPENDS = "<s> $A </s>"


def texts(folder, *requests, template=None):
    model = HuggingFaceModel(str(folder), chat_template=template)
    found = [g for some in model.generate(requests or [ASKED], SETTINGS, 0) for g in some]
    return [(g.text, g.finish_reason) for g in found]


@pytest.mark.parametrize("processor", [APPENDS, "$A </s>", "<s> $A <|end|> </s>", "$A </s> </s>"])
def test_nothing_that_is_to_be_continued_ends_in_an_end(processor, tiny):
    tokenizer = tiny.tokenizer(processor=processor)
    encoder = PromptEncoder(tokenizer, "it")
    encoder.ends([257, 261])
    start = ["<s>"] if processor.startswith("<s>") else []
    for text in ("The", "The nurse said", " ", "a b "):
        prompt = encoder.encode(Request("1", text))
        pieces = encoder.tokenizer.convert_ids_to_tokens(prompt)
        assert pieces == start + [piece.replace(" ", "Ġ") for piece in text]
    context = encoder.encode(Request("1", "The"))
    weighed = encoder.choices(Request("1", "The", choices=(" yes", "x")), context)
    assert [encoder.decode(choice) for choice in weighed] == [" yes", "x"]
    empty = encoder.encode(Request("1", ""))
    assert encoder.tokenizer.convert_ids_to_tokens(empty) == ["<s>"]
    (chat,) = [encoder.encode(ASKED)]
    assert encoder.tokenizer.convert_ids_to_tokens(chat)[-1] == "<|assistant|>"


def test_an_end_that_the_text_itself_holds_stays(tiny):
    encoder = PromptEncoder(tiny.tokenizer(), "it")
    assert encoder.tokenizer.convert_ids_to_tokens(encoder.encode(Request("1", "a</s>"))) == [
        "a", "</s>",
    ]  # fmt: skip


@pytest.mark.parametrize("special", [True, False])
def test_a_sentencepiece_tokenizer_that_appends_its_end_is_known(tmp_path, special):
    import sentencepiece
    from transformers import LlamaTokenizer

    lines = iter(["the nurse said that the patient is well", "who asks whom about what"] * 20)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=lines, model_prefix=str(tmp_path / "tokenizer"), vocab_size=26,
        bos_id=1, eos_id=2, unk_id=0, minloglevel=2,
    )  # fmt: skip
    tokenizer = LlamaTokenizer.from_pretrained(tmp_path, add_eos_token=True)
    assert tokenizer("the")["input_ids"][-1] == tokenizer.eos_token_id
    encoder = PromptEncoder(tokenizer, "it")
    prompt = encoder.encode(Request("1", "the nurse"))
    assert tokenizer.eos_token_id not in prompt
    assert encoder.decode(prompt) == "the nurse"
    (weighed,) = encoder.choices(Request("1", "the nurse", choices=(" said",)), prompt)
    assert tokenizer.eos_token_id not in weighed


def test_the_template_s_own_end_of_turn_ends_an_answer_and_is_said(tiny):
    folder = tiny(tiny.tokenizer([REFUSAL, MORE]), ON)
    model = HuggingFaceModel(str(folder))
    assert texts(folder) == [(REFUSAL, "stop")]
    assert model.identity["end_of_turn"] == "<|end|>"
    (note,) = model.notes
    assert "ends an answer with '<|end|>'" in note
    assert "answers end there" in note


def test_an_end_of_turn_that_is_no_special_token_is_not_left_in_the_answer(tiny):
    folder = tiny(tiny.tokenizer([REFUSAL, MORE], special=False), ON)
    assert texts(folder) == [(REFUSAL, "stop")]


def test_a_stop_string_that_is_a_special_token_ends_an_answer(tiny):
    chain = ("<|assistant|>", REFUSAL, "<|system|>", MORE, "<|end|>")
    model = HuggingFaceModel(str(tiny(tiny.tokenizer([REFUSAL, MORE]), chain)))

    def written(*stop):
        settings = GenerationConfig(max_new_tokens=12, stop=list(stop))
        ((found,),) = model.generate([ASKED], settings, 0)
        return found.text, found.finish_reason

    assert written() == (f"{REFUSAL}{MORE}", "stop")
    assert written("<|system|>") == (REFUSAL, "stop")
    assert written("nowhere", "<|system|>") == (REFUSAL, "stop")
    assert written("help", "cannot") == ("I ", "stop")  # the first in the text, in any order
    assert written("that.Tell") == ("I cannot help with ", "stop")  # over a join of tokens
    assert written("hello") == (f"{REFUSAL}{MORE}", "stop")  # stands in the prompt alone
    with pytest.raises(HarnessError, match=r"leave out its special token '<\|system\|>'"):
        written("<|system|>\n")


@pytest.mark.parametrize("stop", [[""], ["a", ""], [5], "abc", 5])
def test_what_is_no_list_of_texts_is_no_stop(stop):
    with pytest.raises(HarnessError, match="must be a list of non-empty strings"):
        GenerationConfig(stop=stop)


@pytest.mark.parametrize("where", ["generation_config.json", "config.json", "tokenizer"])
def test_an_end_that_is_declared_changes_nothing(where, tiny):
    tokenizer = tiny.tokenizer([REFUSAL, MORE])
    if where == "tokenizer":
        tokenizer.eos_token = "<|end|>"
    folder = tiny(tokenizer, ON)
    if where != "tokenizer":
        if where == "config.json":
            (folder / "generation_config.json").unlink()
        content = json.loads((folder / where).read_text()) if (folder / where).exists() else {}
        (folder / where).write_text(json.dumps(content | {"eos_token_id": [257, 261]}))
    model = HuggingFaceModel(str(folder))
    assert texts(folder) == [(REFUSAL, "stop")]
    assert not model.identity.keys() & {"end_of_turn", "plain_prompts"}
    assert model.notes == []


def test_a_mark_before_a_declared_end_is_no_end(tiny):
    # As where a template closes the answer's channel and then the turn.
    template = "{% for m in messages %}<|{{m.role}}|>{{m.content}}<|end|></s>{% endfor %}"
    folder = tiny(tiny.tokenizer(template=template))
    assert HuggingFaceModel(str(folder)).notes == []
    assert 261 not in HuggingFaceModel(str(folder)).load("float32").ends


def test_the_mark_of_the_next_turn_ends_an_answer_where_nothing_stands_between(tiny):
    template = "{% for m in messages %}<|{{m.role}}|>{{m.content}}{% endfor %}<|assistant|>"
    folder = tiny(tiny.tokenizer([REFUSAL, MORE], template.removesuffix("<|assistant|>")))
    model = HuggingFaceModel(str(folder))
    assert model.identity["end_of_turn"] == "<|user|>"


def test_a_turn_that_ends_in_plain_text_is_not_cut_but_said(tiny):
    template = "{% for m in messages %}{{m.role}}: {{m.content}}\n{% endfor %}assistant:"
    folder = tiny(tiny.tokenizer(template=template))
    model = HuggingFaceModel(str(folder))
    assert "end_of_turn" not in model.identity
    (note,) = model.notes
    assert "No token ends an answer" in note
    assert "generation.stop" in note


@pytest.mark.parametrize(
    "template", [None, "{{ raise_exception('no') }}", "{{ messages[9].content }}", "hello"]
)
def test_a_template_that_shows_no_answer_says_nothing(template, tiny):
    folder = tiny(tiny.tokenizer(template=template))
    assert HuggingFaceModel(str(folder)).notes == []


def test_what_was_found_out_is_kept_until_a_file_or_the_template_changes(
    tiny, tmp_path, monkeypatch
):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    folder = tiny(tiny.tokenizer(processor=APPENDS))
    found = endings_of(folder, "it", None, False)
    assert found == Endings("</s>", "<|end|>", None)
    assert found.identity()["plain_prompts"]
    monkeypatch.setattr(
        "harness.models.checkpoints.endings._look", lambda *_: Endings("looked again")
    )
    assert endings_of(folder, "it", None, False) == found
    assert endings_of(folder, "it", "another", False) == Endings("looked again")
    (folder / "tokenizer_config.json").write_text("{}")
    assert endings_of(folder, "it", None, False) == Endings("looked again")


def test_the_bundled_model_keeps_its_identity(smollm2):
    assert smollm2.notes == []
    assert smollm2.identity.keys() == {"backend", "weights", "dtype", "engine"}
    assert smollm2.identity["engine"] == "2"
    assert smollm2.load("float32").ends == [0, 2] or smollm2.load("float32").ends == [2]
