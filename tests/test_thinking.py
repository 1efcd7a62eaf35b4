import pyarrow.parquet as pq
import pytest

from harness.types.errors import HarnessError
from harness.types.records import Generation
from harness.types.registry import SPANS
from harness.types.thinking import Thinking


def part(text, **options):
    made = Thinking(**options).part(Generation("a", 0, text))
    return made.text, made.thinking


@pytest.mark.parametrize(
    ("text", "answer", "thought"),
    [
        ("<think>\nwhy?\n</think>\n\nBecause.", "Because.", "why?"),
        (" <think>why?</think>Because.", "Because.", "why?"),
        ("why?</think>Because.", "Because.", "why?"),
        ("<think></think>Because.", "Because.", ""),
        ("<think>cut off", "", "cut off"),
        ("Because.", "Because.", None),
        ("Say <think> twice.", "Say <think> twice.", None),
        ("", "", None),
    ],
)
def test_thinking_is_parted_from_the_answer(text, answer, thought):
    assert part(text) == (answer, thought)


def test_where_the_template_has_opened_the_thinking_no_end_means_no_answer():
    assert part("cut off", opened=True) == ("", "cut off")
    assert part("why?</think>Because.", opened=True) == ("Because.", "why?")


UNSAFE, SAID = "They ask for what is unsafe; I cannot.", "Sure, here is how."


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        (f"<scratchpad>{UNSAFE}</scratchpad>{SAID}", "<scratchpad>"),
        (f"<internal_monologue>{UNSAFE}</internal_monologue>{SAID}", "<internal_monologue>"),
        (f"<analysis>{UNSAFE}</analysis>\n\n{SAID}", "<analysis>"),
        (f"<reflection>{UNSAFE}</reflection>{SAID}", "<reflection>"),
        (f"<cot>{UNSAFE}</cot>{SAID}", "<cot>"),
        (f"<plan>{UNSAFE}</plan>{SAID}", "<plan>"),
        (f"<\u601d\u8003>{UNSAFE}</\u601d\u8003>{SAID}", "<\u601d\u8003>"),
        (f"[REASONING]{UNSAFE}[/REASONING]{SAID}", "[REASONING]"),
        (f"< think >{UNSAFE}</ think >{SAID}", "< think >"),
        (f"&lt;think&gt;{UNSAFE}&lt;/think&gt;{SAID}", "&lt;think&gt;"),
        (f'<details type="reasoning" done="true">{UNSAFE}</details>{SAID}', "<details type="),
        (f"```thinking\n{UNSAFE}\n```\n{SAID}", "```thinking"),
        (f"<|im_start|>think\n{UNSAFE}<|im_start|>answer\n{SAID}", "<|im_start|>think"),
        (f"<|analysis|>{UNSAFE}<|final|>{SAID}", "<|analysis|>"),
        (f"<THINK>{UNSAFE}</THINK>{SAID}", "<THINK>"),
        (f"final{SAID}", "final"),
        (f"<think>{UNSAFE}</think>{UNSAFE}</think>{SAID}", "</think> stands in it again"),
        (f"<think>{UNSAFE}<think>so</think></think>{SAID}", "</think> stands in it again"),
    ],
)
def test_a_block_that_may_be_thinking_by_marks_that_nobody_knows_is_no_answer(text, mark):
    made = Thinking().part(Generation("a", 0, text, "stop"))
    assert (made.text, made.thinking, made.finish_reason) == (None, text, "error")
    assert mark in made.error


@pytest.mark.parametrize(
    "text",
    [
        "<b>No.</b> I cannot.", "<plan> is a tag of HTML's kin.", "[Reasoning] is what we do.",
        "<p>First, reflect.</p><p>Then act.</p>", "```python\nthink()\n```", "[1] Think twice.",
        "analysis of the data shows nothing.", "final words: be kind.", "`think` is a word.",
        "assistant professors teach.", "<answer>Because.</answer>", "&lt;b&gt; is bold.",
    ],
)  # fmt: skip
def test_a_block_that_is_none_of_thinking_is_an_answer(text):
    assert part(text) == (text, None)


def test_channels_that_a_server_glued_to_their_names_are_told():
    glued = f"assistantanalysis{UNSAFE}assistantfinal{SAID}"
    assert part(glued) == (SAID, UNSAFE)
    assert part(f"analysisthe user asks. {UNSAFE}assistantfinal{SAID}")[0] == SAID


def test_a_verdict_is_read_behind_a_block_of_analysis():
    text = "<analysis>Is it safe? Mostly.</analysis>\n#score: 2"
    assert Thinking().part(Generation("a", 0, text), blocks=False).text == text


def test_other_marks():
    assert part("[T]a[/T]b", start="[T]", end="[/T]") == ("b", "a")
    with pytest.raises(HarnessError, match=r"thinking\.end is empty"):
        Thinking(end=" ")


def test_what_a_server_parted_and_what_failed_stay_as_they_are():
    parted = Generation("a", 0, "<think>b", thinking="c")
    failed = Generation.failed("a", 0, "lost")
    assert Thinking().part(parted) is parted
    assert Thinking(opened=True).part(failed) is failed


def test_thinking_is_shown_to_scorers_only_on_request():
    generation = Generation("a", 0, "b", thinking="c")
    assert SPANS["full"](generation).text == "b"
    assert SPANS["thinking_and_answer"](generation).text == "c\n\nb"


def test_a_run_keeps_thinking_in_its_own_column_and_scores_the_answer(harness, tmp_path):
    said, runs = "I am sorry, but I cannot help with that.", tmp_path / "results/runs"

    def run(*more):
        answer = f"backend.answer='<think>He will be harmed.</think>{said}'"
        return harness("backend=echo", answer, "scorer=[refusal]", "limit=2", *more)

    assert "of thinking_and_answer" not in run().stdout
    (shard,) = runs.glob("*/generations/*.parquet")
    rows = pq.read_table(shard).to_pylist()
    assert {(row["thinking"], row["text"]) for row in rows} == {("He will be harmed.", said)}
    assert "of thinking_and_answer" in run("thinking.scored=true").stdout
    assert len(list(runs.iterdir())) == 1  # the answers are the same
    cut = run("thinking.end='[/T]'")
    assert len(list(runs.iterdir())) == 2  # other marks part other answers
    assert (cut.returncode, "2 empty" in cut.stdout) == (3, True)  # nothing but thinking: no answer
