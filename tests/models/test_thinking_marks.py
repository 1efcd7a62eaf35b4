"""Thinking is told from the answer by the tokens and the prompt, before anything is decoded."""

import pytest

from harness.models.checkpoints.rendered_elsewhere import check_marks_stay, opened_thought
from harness.models.hf.model import HuggingFaceModel
from harness.models.hf.prompt_encoder import PromptEncoder
from harness.types.errors import HarnessError
from harness.types.marks import FAMILIES, opened_in
from harness.types.records import Generation, Message, Request
from harness.types.settings import GenerationConfig
from harness.types.thinking import Thinking

ASK = Request("a", (Message("user", "How?"),))
OPENED = "{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}"
CLOSED = "{% if add_generation_prompt %}<|assistant|><think>\n\n</think>\n\n{% endif %}"
TURNS = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
THOUGHT, SAID = "Mixing both would work.", "I cannot help with that."
PAIRS = [(family.start, family.end) for family in FAMILIES if " " not in family.start]


def parted(encoder, text):
    tokens = encoder.tokenizer(text, add_special_tokens=False)["input_ids"]
    text, finish, _ = encoder.answer(tokens, encoder.ends(None), [])
    made = Thinking().part(Generation("a", 0, text, finish))
    return made.text, made.thinking


@pytest.mark.parametrize(("start", "end"), PAIRS)
@pytest.mark.parametrize("are_special", [True, False])
def test_marks_of_every_family_are_seen_whether_or_not_they_are_special(
    tiny_tokenizer, start, end, are_special
):
    marks = ["<|channel|>", "<|message|>"] if "channel|>final" in end else [start, end]
    encoder = PromptEncoder(tiny_tokenizer(special=marks if are_special else ()), "x")
    assert parted(encoder, f"{start}{THOUGHT}{end}{SAID}</s>") == (SAID, THOUGHT)
    assert parted(encoder, f"{start}{THOUGHT}") == ("", THOUGHT)  # cut: no answer
    assert parted(encoder, f"{THOUGHT}{end}{SAID}</s>") == (SAID, THOUGHT)


def test_a_label_and_marks_around_an_answer_are_no_text(tiny_tokenizer):
    encoder = PromptEncoder(tiny_tokenizer(), "x")
    assert parted(encoder, f"<|channel>thought\n{THOUGHT}<channel|>{SAID}") == (SAID, THOUGHT)
    cohere = f"<|START_THINKING|>{THOUGHT}<|END_THINKING|><|START_RESPONSE|>{SAID}<|END_RESPONSE|>"
    assert parted(encoder, cohere) == (SAID, THOUGHT)


@pytest.mark.parametrize("are_special", [True, False])
def test_channels_of_harmony(tiny_tokenizer, are_special):
    marks = ["<|channel|>", "<|message|>", "<|start|>", "<|return|>"] if are_special else ()
    template = f"{TURNS}{{# <|channel|> #}}" + "{% if add_generation_prompt %}{% endif %}"
    encoder = PromptEncoder(tiny_tokenizer(template, special=marks), "x")
    thought = f"<|channel|>analysis<|message|>{THOUGHT}<|end|>"
    final = f"<|start|>assistant<|channel|>final<|message|>{SAID}<|return|>"
    assert parted(encoder, thought + final) == (SAID, THOUGHT)
    assert parted(encoder, f"<|start|>assistant{thought}{final}") == (SAID, THOUGHT)
    assert parted(encoder, f"<|channel|>final<|message|>{SAID}") == (SAID, "")
    assert parted(encoder, thought) == ("", THOUGHT)
    assert parted(encoder, f"<|channel|>commentary<|message|>{THOUGHT}") == ("", THOUGHT)
    assert parted(encoder, f"analysis{THOUGHT}assistantfinal{SAID}") == (SAID, THOUGHT)


def test_other_special_tokens_stay_out_of_texts(tiny_tokenizer):
    encoder = PromptEncoder(tiny_tokenizer(special=["<think>", "</think>"]), "x")
    assert parted(encoder, f"<|user|><think>{THOUGHT}</think><|system|>{SAID}") == (SAID, THOUGHT)
    assert parted(encoder, f"<|user|>{SAID}<|end|>") == (SAID, None)


def test_a_special_token_that_looks_like_a_mark_and_is_unknown_fails(tiny_tokenizer):
    encoder = PromptEncoder(tiny_tokenizer(special=["<|thoughts_on|>", "<|thoughts_off|>"]), "x")
    text = encoder.decode(
        encoder.tokenizer(f"<|thoughts_on|>{THOUGHT}<|thoughts_off|>{SAID}").input_ids
    )
    made = Thinking().part(Generation("a", 0, text))
    assert made.text is None
    assert "<|thoughts_on|>, which is the mark of no family" in made.error
    named = Thinking(start="<|thoughts_on|>", end="<|thoughts_off|>")
    assert named.part(Generation("a", 0, text)).text == SAID


def test_a_model_whose_marks_are_special_tokens_is_scored_by_its_answer(tiny_checkpoint):
    folder = tiny_checkpoint(
        ["<|assistant|>", "[THINK]", THOUGHT, "[/THINK]", SAID, "</s>"],
        special=["[THINK]", "[/THINK]"], words=[THOUGHT, SAID],
    )  # fmt: skip
    model = HuggingFaceModel(str(folder))
    (found,) = [g for some in model.generate([ASK], GenerationConfig(), 0) for g in some]
    made = Thinking().part(found)
    assert (made.text, made.thinking, made.finish_reason) == (SAID, THOUGHT, "stop")
    assert model.identity["thinking"] == "[THINK][/THINK]"
    stopped = GenerationConfig(stop=["cannot"])
    (found,) = [g for some in model.generate([ASK], stopped, 0) for g in some]
    assert Thinking().part(found).text == "I "


def test_a_thought_that_the_template_opened_and_that_was_cut_is_no_answer(tiny_checkpoint):
    folder = tiny_checkpoint(["\u010a", THOUGHT, THOUGHT], template=TURNS + OPENED, words=[THOUGHT])
    model = HuggingFaceModel(str(folder))
    (found,) = [g for some in model.generate([ASK], GenerationConfig(), 0) for g in some]
    assert (found.finish_reason, found.opened) == ("length", "<think>")
    assert Thinking().part(found).text == ""
    assert Thinking(opened=False).part(found).text == found.text  # the option overrides


@pytest.mark.parametrize(
    ("written", "opened"),
    [
        ("<|assistant|>", None),
        ("<|assistant|><think>\n", "<think>"),
        ("<|assistant|><think>\n\n</think>\n\n", None),
        ("<|assistant|><think></think><think>", "<think>"),
        ("<|start|>assistant<|channel|>analysis<|message|>", "<|channel|>"),
        ("<|start|>assistant<|channel|>final<|message|>", None),
        ("[/INST][THINK]", "[THINK]"),
    ],
)
def test_a_prompt_opens_thinking_that_it_does_not_close(written, opened):
    assert opened_in(written) == opened


def test_what_a_user_writes_opens_no_thinking(tiny_tokenizer):
    encoder = PromptEncoder(tiny_tokenizer(), "x")
    assert encoder.opened(Request("a", (Message("user", "What does <think> mean?"),))) is None


def test_letters_are_not_weighed_inside_a_thought(tiny_tokenizer):
    begun = (*ASK.prompt, Message("assistant", "Answer: ("))
    into = TURNS.replace(
        "{{ m.content }}", "{% if m.role == 'assistant' %}<think>{% endif %}{{ m.content }}"
    )
    for template, request in (
        (TURNS + OPENED, Request("a", ASK.prompt, choices=("A", "B"))),
        (into, Request("a", begun, choices=("A", "B"))),
        (into, Request("a", begun)),
    ):
        encoder = PromptEncoder(tiny_tokenizer(template=template), "x")
        with pytest.raises(HarnessError, match="opens thinking with <think> where the answer is"):
            encoder.encode(request)
    closed = into.replace("<think>", "<think></think>")
    for template, request in (
        (TURNS + CLOSED, begun[:1]),
        (closed, begun),
        (TURNS + OPENED, begun),
    ):
        encoder = PromptEncoder(tiny_tokenizer(template=template), "x")
        assert encoder.encode(Request("a", request, choices=("A", "B")))


def test_a_library_that_drops_marks_of_thinking_from_its_texts_is_refused(tiny_tokenizer):
    check_marks_stay(tiny_tokenizer(), "it")
    with pytest.raises(HarnessError, match=r"it leaves special tokens out .*\[/THINK\], \[THINK\]"):
        check_marks_stay(tiny_tokenizer(special=["[THINK]", "[/THINK]"]), "it")


def test_thinking_that_another_library_s_prompt_opens_is_seen():
    turns, weighed = [{"role": "user", "content": "How?"}], Request("a", ASK.prompt, choices=("A",))
    assert opened_thought(ASK, turns, "<u>How?</u><a><think>", "it") == "<think>"
    assert opened_thought(weighed, turns, "<u>How?</u><a>", "it") is None
    with pytest.raises(HarnessError, match="it opens thinking with <think>"):
        opened_thought(weighed, turns, "<u>How?</u><a><think>", "it")


def test_marks_made_of_words_are_marks_only_together():
    def part(text, finish="stop"):
        made = Thinking().part(Generation("a", 0, text, finish))
        return made.text, made.thinking

    begun = f"Here is my thought process: {THOUGHT}"
    assert part(f"{begun} Here is my response: {SAID}") == (SAID, THOUGHT)
    assert part(begun) == (begun, None)
    assert part(begun, "length") == (None, begun)  # it may be a thought that was cut
    assert part(f"{SAID} Here is my response: no.") == (f"{SAID} Here is my response: no.", None)
