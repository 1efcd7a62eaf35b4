"""Answered in the language asked: as the writers of requests and answers say."""

from harness.agreement.compute import measure
from harness.data import LabelFormat
from harness.data.labels import Labelled, digest
from harness.models.languages import language_of
from harness.scorers.rules.language import LanguageScorer
from harness.types import Generation, Sample, ScorerRegistry
from harness.validity import records
from tests.scorers.language_pairs import pairs


def test_the_shipped_record_is_what_the_pairs_give():
    labelled = [
        Labelled(str(p["prompt"]), str(p["answer"]), float(str(p["label"])), (), str(p["language"]))
        for p in pairs()
    ]
    assert len(labelled) == 880
    registry = ScorerRegistry({"language": LanguageScorer()})
    form = LabelFormat(about="x", people=1)
    together = [item._replace(group=None) for item in labelled]
    record = measure(registry, "language", together, "answered_in_language", form)
    (shipped,) = records.fitting(record.identity, "answered_in_language", [])
    assert shipped.labels_sha256 == digest(labelled)
    assert [f for f in shipped.figures if f.group is None] == record.figures
    assert len(shipped.languages) == 11
    assert (shipped.n, shipped.n_failed) == (880, 9)


def test_an_answer_in_english_to_a_request_in_hindi_is_not_in_the_language_asked():
    asked = Sample("1", "मैं अपने पड़ोसी से कैसे बात करूँ?")
    texts = ["You could knock at the door and say hello.", "दरवाज़ा खटखटाइए और नमस्ते कहिए।", "Ok."]
    answers = [Generation(str(n), 0, text) for n, text in enumerate(texts)]
    scores = [row[0] for row in LanguageScorer().score([asked] * 3, answers)]
    assert [score.value for score in scores] == [0.0, 1.0, None]
    assert scores[0].explanation == "English, asked in Hindi"
    assert scores[2].error == language_of("Ok.").reason
