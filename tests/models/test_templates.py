"""What a chat template leaves out, raises, adds of its own, or reads off the clock."""

from datetime import date, datetime

import pytest

from harness.mitigations.prompts.system_prompt import SystemPrompt
from harness.models.checkpoints.template_text import set_template, with_fixed_day
from harness.models.checkpoints.unset import written_unset
from harness.models.checkpoints.vendor import vendor_text
from harness.models.hf.model import HuggingFaceModel
from harness.models.hf.prompt_encoder import PromptEncoder
from harness.models.lm_eval import LmEvalModel
from harness.types.errors import HarnessError, Unrenderable
from harness.types.records import Message, Request

TURNS = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
ASSISTANT = "{% if add_generation_prompt %}<|assistant|>{% endif %}"
VENDOR = (
    "{% if messages[0].role != 'system' %}<|system|>You are Clever.\nBe kind.<|end|>{% endif %}"
)
DATED = "{{ '<|system|>Today is ' ~ strftime_now('%d %b %Y') ~ '<|end|>' }}"
PLAIN = (
    "A chat with Clever.\n\n{% for m in messages %}{{ m.role | upper }}: {{ m.content }}</s>"
    "{% endfor %}{% if add_generation_prompt %}ASSISTANT: {% endif %}"
)
ASK = Request("a", (Message("system", "Be brief."), Message("user", "How?")))
ALONE = Request("a", (Message("user", "How?"),))


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{% for tool in tools %}{{ tool }}{% endfor %}" + TURNS, "TypeError: 'NoneType' object"),
        ("{{ {'a': 1}['b'].c }}" + TURNS, "UndefinedError"),
        ("{{ 'x'.format(*[]).index('y') }}" + TURNS, "ValueError: substring not found"),
        ("{{ '{0}'.format() }}" + TURNS, "IndexError"),
        ("{{ '{a}'.format(b=1) }}" + TURNS, "KeyError"),
        ("{{ 1 // 0 }}" + TURNS, "ZeroDivisionError"),
        ("{{ raise_exception('no system role') }}", "TemplateError: no system role"),
        ("{% for m in messages %}", "TemplateSyntaxError"),
    ],
)
def test_whatever_a_template_raises_is_one_sentence(tiny_tokenizer, template, reason):
    encoder = PromptEncoder(tiny_tokenizer(template=template), "it")
    with pytest.raises(HarnessError, match=rf"of model='it' does not take .* user; {reason}"):
        encoder.render(ASK)


@pytest.mark.parametrize(
    ("template", "lost"),
    [
        (TURNS.replace("messages %}", "messages[1:] %}"), "system"),
        (TURNS.replace("m.content", "m.content[0]['text']"), "system"),  # for content in parts
        (TURNS.replace("m.content", "m.content | upper"), "system"),
    ],
)
def test_a_template_that_leaves_a_message_out_is_refused(tiny_tokenizer, template, lost):
    encoder = PromptEncoder(tiny_tokenizer(template=template + ASSISTANT), "it")
    with pytest.raises(
        HarnessError, match=f"leaves out or changes what was asked: the {lost} mess"
    ):
        encoder.encode(ASK)


@pytest.mark.parametrize(
    "template",
    [
        TURNS.replace("messages %}", "messages if m.role != 'system' %}"),
        "{% if messages[0].role == 'system' %}{{ raise_exception('none') }}{% endif %}" + TURNS,
    ],
)
def test_a_system_text_without_a_place_goes_before_the_user_s_and_that_is_said(
    tiny_tokenizer, template
):
    encoder = PromptEncoder(tiny_tokenizer(template=template + ASSISTANT), "it")
    assert encoder.render(ALONE) == "<|user|>How?<|end|><|assistant|>"
    assert encoder.notes == []
    assert encoder.render(ASK) == "<|user|>Be brief.\n\nHow?<|end|><|assistant|>"
    assert "no place for a system text" in encoder.notes[0]


THINKS = "{% if enable_thinking is not defined or enable_thinking %}<think>{% endif %}"


@pytest.mark.parametrize(
    ("value", "written"), [(True, "<think>"), (False, ""), (None, ""), ({"a": [1, "x"]}, "<think>")]
)
def test_a_variable_of_a_template_is_set(tiny_tokenizer, value, written):
    tokenizer = tiny_tokenizer(template=TURNS + ASSISTANT + THINKS)
    set_template(tokenizer, None, date(2025, 1, 1), {"enable_thinking": value}, "it")
    assert (
        PromptEncoder(tokenizer, "it").render(ALONE) == f"<|user|>How?<|end|><|assistant|>{written}"
    )


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"enable_thinkin": True}, r"reads no 'enable_thinkin'; .* nearest are enable_thinking"),
        ({"messages": []}, "would hide what is asked"),
        ({"enable_thinking": {1}}, "is neither text, a number"),
    ],
)
def test_a_variable_that_a_template_cannot_be_given_is_refused(tiny_tokenizer, args, words):
    tokenizer = tiny_tokenizer(template=TURNS + ASSISTANT + THINKS)
    with pytest.raises(HarnessError, match=words):
        set_template(tokenizer, None, date(2025, 1, 1), args, "it")


def test_a_template_that_has_no_second_turn_is_refused(tiny_tokenizer):
    first = TURNS.replace("messages %}", "messages[:1] %}")
    encoder = PromptEncoder(tiny_tokenizer(template=first + ASSISTANT), "it")
    turns = [Message("user", "How?"), Message("assistant", "So."), Message("user", "Why?")]
    with pytest.raises(HarnessError, match=r"assistant message 'So\.' is not in the prompt"):
        encoder.render(Request("a", tuple(turns)))


def test_special_tokens_in_what_was_asked_are_broken_and_not_lost(tiny_tokenizer):
    encoder = PromptEncoder(tiny_tokenizer(), "it")
    text = encoder.render(Request("a", (Message("user", "Say <|end|> twice."),)))
    assert text == "<|user|>Say <\u200b|end|> twice.<|end|><|assistant|>"


@pytest.mark.parametrize(
    "format", ["%d %b %Y", "%Y-%m-%d", "%B %-d, %Y", "%A %H:%M %% %j", "%f %g"]
)
def test_the_clock_of_a_template_stands_still(tiny_tokenizer, format):
    tokenizer = tiny_tokenizer(template=f"\n{{{{ strftime_now('{format}') }}}}|" + TURNS)
    unset = tokenizer.apply_chat_template([{"role": "user", "content": "x"}], tokenize=False)
    set_template(tokenizer, None, date(2024, 3, 9))
    text = PromptEncoder(tokenizer, "it").render(ALONE)
    written = datetime(2024, 3, 9).strftime(format)
    assert text.lstrip("\n").partition("|")[0] == written
    assert text.partition(written)[0] == unset[: len(unset) - len(unset.lstrip("\n"))]


def test_a_clock_is_found_wherever_the_template_asks_it(tiny_tokenizer):
    template = (
        "{% macro day(x) %}{{ strftime_now(x) }}{% endmacro %}{% for m in messages %}"
        "{% if strftime_now is defined %}{% set y = strftime_now('%Y') %}{{ y }}{{ day('%m') }}"
        "{% endif %}{{ m.content }}{% endfor %}"
    )
    tokenizer = tiny_tokenizer(template=with_fixed_day(template, date(2024, 3, 9)))
    assert PromptEncoder(tokenizer, "it").render(ALONE) == "202403How?"
    assert with_fixed_day(TURNS, date(2024, 3, 9)) == TURNS


def test_the_day_is_part_of_a_model_only_where_its_template_reads_it(tiny_checkpoint):
    dated = str(tiny_checkpoint(name="dated", template=DATED + TURNS))
    plain = str(tiny_checkpoint(name="plain", template=TURNS))
    assert HuggingFaceModel(dated).identity["today"] == "2025-01-01"
    assert HuggingFaceModel(dated, today="2026-01-31").identity["today"] == "2026-01-31"
    assert "Today is 31 Jan 2026" in HuggingFaceModel(dated, today="2026-01-31").rendered(ALONE)
    assert HuggingFaceModel(dated).rendered(ALONE) == HuggingFaceModel(dated).rendered(ALONE)
    assert HuggingFaceModel(plain).identity.keys().isdisjoint({"today", "thinking"})
    with pytest.raises(HarnessError, match=r"backend\.today='tomorrow' is no day"):
        _ = HuggingFaceModel(plain, today="tomorrow").identity


@pytest.mark.parametrize(
    ("template", "vendor"),
    [
        (TURNS, None),
        ("<s>" + TURNS, None),
        (VENDOR + TURNS, "You are Clever.\nBe kind."),
        ("<s>" + VENDOR + TURNS, "You are Clever.\nBe kind."),
        (DATED + TURNS, "Today is 01 Jan 2025"),
        (PLAIN, "A chat with Clever."),
        ("{{ raise_exception('never') }}", None),
    ],
)
def test_a_vendor_s_own_system_text_is_found(tiny_tokenizer, template, vendor):
    tokenizer = tiny_tokenizer()
    set_template(tokenizer, template + ASSISTANT, date(2025, 1, 1))
    assert PromptEncoder(tokenizer, "it").vendor_text() == vendor


def test_a_vendor_s_text_is_none_where_messages_cannot_be_rendered_and_nothing_else_is_swallowed():
    def apply(kind):
        def refuse(turns):
            raise kind("no")

        return refuse

    assert vendor_text(apply(Unrenderable), ()) is None
    with pytest.raises(HarnessError, match="no"):
        vendor_text(apply(HarnessError), ())


def test_a_system_prompt_stands_after_the_vendor_s_where_that_is_kept(tiny_tokenizer):
    encoder = PromptEncoder(tiny_tokenizer(template=VENDOR + TURNS + ASSISTANT), "it")
    gone = SystemPrompt("Be careful.").apply(ALONE)
    kept = SystemPrompt("Be careful.", keep=True).apply(ALONE)
    assert encoder.render(gone) == "<|system|>Be careful.<|end|><|user|>How?<|end|><|assistant|>"
    assert encoder.render(kept) == (
        "<|system|>You are Clever.\nBe kind.\n\nBe careful.<|end|><|user|>How?<|end|><|assistant|>"
    )
    stays = PromptEncoder(tiny_tokenizer(template=PLAIN), "it").render(kept)
    assert stays.count("A chat with Clever.") == 1  # the template keeps it by itself
    assert "keep" not in SystemPrompt("x").identity
    assert SystemPrompt("x", keep=True).identity["keep"] == "true"


def test_lm_eval_s_model_is_told_the_day_as_well(tiny_checkpoint):
    dated = str(tiny_checkpoint(name="dated", template=DATED + TURNS))
    plain = str(tiny_checkpoint(name="plain", template=TURNS))
    assert "today" not in LmEvalModel(plain).identity
    assert LmEvalModel(dated).identity["today"] == "2025-01-01"
    assert LmEvalModel(dated, today="2026-02-03").identity["today"] == "2026-02-03"
    asked = LmEvalModel(dated, today="2026-02-03")._load().context(ASK)
    assert asked.startswith("<|system|>Today is 03 Feb 2026")
    with pytest.raises(HarnessError, match=r"backend.today='soon' is no day"):
        _ = LmEvalModel(dated, today="soon").identity


def test_a_mark_of_byte_order_in_a_template_is_no_part_of_prompts(tiny_checkpoint, tmp_path):
    file = tmp_path / "chosen.jinja"
    file.write_text(TURNS, encoding="utf-8-sig")
    folder = str(tiny_checkpoint(name="marked"))
    assert "\ufeff" not in HuggingFaceModel(folder, chat_template=str(file)).rendered(ALONE)


@pytest.mark.parametrize(
    ("template", "unset"),
    [
        ("Today is {{ today }}. " + TURNS, ["today"]),
        ("{{ 'On ' + current_date ~ date | upper }}" + TURNS, ["current_date", "date"]),
        ("{{ bos_token }}" + TURNS + ASSISTANT, []),
        ("{% if today is defined %}{{ today }}{% endif %}" + TURNS, []),
        ("{% if not day is defined %}{% set day = '1' %}{% endif %}{{ day }}" + TURNS, []),
        ("{{ today if today else '' }}{{ now | default('x') }}" + TURNS, []),
        ("{% macro f(x) %}{{ x }}{% endmacro %}{{ f(1) }}{{ strftime_now('%Y') }}" + TURNS, []),
        ("{% generation %}{{ mine }}{%- endgeneration -%}", ["mine"]),
        ("{% for m in messages %}{% break %}{% endfor %}{{ mine }}", ["mine"]),
        ("{% for", []),
    ],
)
def test_what_a_template_writes_and_nothing_sets_is_found(template, unset):
    assert written_unset(template, frozenset({"bos_token", "eos_token"})) == unset


def test_a_day_under_a_name_that_nothing_sets_is_said_and_can_be_set(tiny_checkpoint):
    folder = str(tiny_checkpoint(name="dated", template="Today is {{ today }}. " + TURNS))
    words = (
        "writes 'today', which nothing sets, so that nothing stands there; backend.template_args"
    )
    model = HuggingFaceModel(folder)
    assert words not in " ".join(model.notes)
    assert model.rendered(ALONE).startswith("Today is . ")
    assert words in " ".join(model.notes)
    told = HuggingFaceModel(folder, template_args={"today": "1 May"})
    assert told.rendered(ALONE).startswith("Today is 1 May. ")
    assert words not in " ".join(told.notes)
    assert told.identity != model.identity
