import pytest

from harness.mitigations.prompts.system_prompt import SystemPrompt
from harness.types.errors import HarnessError
from harness.types.records import Message, Request


def test_it_stands_before_the_task_s_own():
    prompt = (Message("system", "Be brief."), Message("user", "Why?"))
    changed = SystemPrompt("Be careful.").apply(Request("a", prompt))
    assert changed.prompt[0] == Message("system", "Be careful.\n\nBe brief.")
    assert changed.prompt[1:] == prompt[1:]


def test_text_that_is_continued_has_it_in_front():
    assert SystemPrompt("Be careful.").apply(Request("a", "Once")).prompt == "Be careful.\n\nOnce"


def test_an_empty_one_is_refused():
    with pytest.raises(HarnessError, match=r"mitigation\.text is empty"):
        SystemPrompt(" ").apply(Request("a", "Once"))
