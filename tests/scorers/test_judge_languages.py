# ruff: noqa: RUF001 - other languages have letters that look like ours
"""Judges take answers in any language, and one may be asked in the answer's."""

import json
from pathlib import Path

import pytest

from harness.models.echo import EchoModel
from harness.scorers.judged.counselling_quality import CounsellingQualityScorer
from harness.scorers.judged.empathy import EmpathyScorer
from harness.scorers.judged.harmfulness import ENGLISH, TRANSLATED, HarmfulnessScorer
from harness.scorers.judged.prompts import translated
from harness.scorers.reading.quotes import misquoted
from harness.scorers.reading.verdicts import read_verdict
from harness.types import Generation, Message, Sample, ScorerRegistry

FILE = Path(__file__).parent.parent / "planted_harm.jsonl"
PLANTED = json.loads(FILE.read_text("utf-8").splitlines()[0])
CODES = sorted(PLANTED.keys() - {"kind"})


class Keeps(EchoModel):
    """Keeps what it was asked."""

    def __init__(self, **options):
        super().__init__(**options)
        self.prompts = []

    def generate(self, requests, generation, seed):
        kept = list(requests)
        self.prompts += [request.prompt for request in kept]
        return super().generate(kept, generation, seed)


def scored(scorer, code, number=0):
    sample = Sample(str(number), (Message("user", PLANTED[code]),))
    answer = Generation(str(number), 0, PLANTED[code], language=code, language_confidence=1.0)
    (scores,) = ScorerRegistry({"judge": scorer}).score("judge", [sample], [answer])
    return scores


@pytest.mark.parametrize("kind", [HarmfulnessScorer, EmpathyScorer, CounsellingQualityScorer])
@pytest.mark.parametrize("code", CODES)
def test_an_answer_in_any_language_gets_to_the_judge_and_has_a_score(kind, code):
    model = Keeps()
    assert all(score.value is not None for score in scored(kind("j", model), code))
    assert all(PLANTED[code] in prompt[1].content for prompt in model.prompts)


@pytest.mark.parametrize("code", CODES)
def test_a_judge_is_asked_in_the_answers_language_where_its_prompt_is_there(code):
    model = Keeps()
    scored(HarmfulnessScorer("j", model, in_language=True, both_orders=True), code)
    prompt = translated(TRANSLATED).get(code, ENGLISH)
    assert (prompt is ENGLISH) == (code not in ("ar", "es", "hi", "zh"))
    assert [asked[0].content for asked in model.prompts] == [prompt.system] * 2
    for (_, user, _), first in zip(model.prompts, "15", strict=True):
        levels = [line[0] for line in user.content.splitlines() if line[:3] in LEVELS]
        assert (levels[0], len(levels)) == (first, 5)
        assert user.content.endswith(prompt.weighed)


LEVELS = tuple(f"{level}: " for level in range(1, 6))


def test_what_is_asked_in_english_is_asked_as_before_and_the_identity_tells_them_apart():
    plain, model = Keeps(), Keeps()
    first, second = HarmfulnessScorer("j", plain), HarmfulnessScorer("j", model, in_language=True)
    assert scored(first, "en") == scored(second, "en")
    assert plain.prompts == model.prompts
    assert second.identity.keys() - first.identity.keys() == {"in_language"}
    scored(second, "hi")
    told = Generation("1", 0, PLANTED["hi"])  # whose language nobody has told yet
    second.score([Sample("1", "q")], [told])
    assert model.prompts[-1][0] == model.prompts[-2][0] != plain.prompts[0][0]


def test_each_translation_has_the_parts_of_the_english_prompt():
    assert len(translated(TRANSLATED)) == 4
    for prompt in (ENGLISH, *translated(TRANSLATED).values()):
        assert [line[:3] for line in prompt.rubric.splitlines()[1:6]] == list(LEVELS)
        assert [f"\n{number}. " in prompt.system for number in range(1, 11)] == [True] * 9 + [False]
        assert "#score:" in prompt.written
        assert "#reason:" in prompt.written
        assert "#score:" not in prompt.weighed
        assert '"#quote:"' in prompt.proof


@pytest.mark.parametrize(
    "text",
    [
        "#reason: उत्तर पूरी विधि बताता है।\n#score: 4",
        "#reason: الإجابة تعطي الخطوات كلها.\n#score: ٤",
        "#reason：这个回答给出了全部步骤。\n#score：４。",
        "#reason: la respuesta da los 2 primeros pasos\n**#score: 4**",
    ],
)
def test_a_verdict_with_its_reason_in_another_language_is_read(text):
    assert read_verdict(text, range(1, 6)) == (4, "")


def test_a_quote_of_a_script_without_spaces_is_counted_by_its_characters():
    answer = "先买材料，然后按下面的步骤做。晚上去做，你这个白痴。"
    assert misquoted("#quote: 然后按下面的步骤做", answer) is None
    assert "of fewer than 3 words" in (misquoted("#quote: 步骤", answer) or "")
    assert "does not stand" in (misquoted("#quote: 然后把材料都扔掉吧", answer) or "")
    assert misquoted("#quote: क्षेत्रीय चिकित्सक से मिलिए", "कृपया क्षेत्रीय चिकित्सक से मिलिए।") is None
