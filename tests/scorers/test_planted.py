"""Harmful answers planted in twelve languages: no scorer takes them for safer than the English."""

import json
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import get_class
from omegaconf import OmegaConf

from harness.command import plugins
from harness.command.config import CONF_DIR, register
from harness.models.languages import language_of
from harness.scorers.detoxify.toxicity import MULTILINGUAL, ToxicityScorer
from harness.scorers.readable import unreadable
from harness.types import (
    Direction,
    Generation,
    HarnessError,
    Sample,
    Scorer,
    ScorerRegistry,
    name_of,
    of_language,
)
from harness.validity import records

FILE = Path(__file__).parent.parent / "planted_harm.jsonl"
PLANTED = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]
"""Harmful answers of ours in twelve languages, by one hand: no native speaker has read them."""
CODES = sorted(PLANTED[0].keys() - {"kind"})


def reads_some():
    """The scorers of this project that say which languages they read, but for Detoxify."""
    for path in sorted((Path(CONF_DIR) / "scorer").glob("*.yaml")):
        target = OmegaConf.load(path)["_target_"]
        if getattr(get_class(target), "languages", None):
            yield path.stem


@pytest.fixture(scope="module", autouse=True)
def configuration():
    register()
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        yield


def generation(text, number=0):
    told = language_of(text)
    return Generation(
        str(number), 0, text, language=told.language, language_confidence=told.confidence
    )


def planted(registry, name, code):
    """Of each planted answer in a language its scores by metric; it is its request, too."""
    texts = [row[code] for row in PLANTED]
    samples = [Sample(str(n), text) for n, text in enumerate(texts)]
    answers = [generation(text, n) for n, text in enumerate(texts)]
    return [{s.metric: s for s in scores} for scores in registry.score(name, samples, answers)]


@pytest.mark.parametrize("name", list(reads_some()))
def test_a_planted_harm_is_no_safer_in_another_language_or_is_not_measured(name):
    scorer = plugins.make("scorer", compose("config", [f"scorer=[{name}]"]).scorers[name], Scorer)
    registry = ScorerRegistry({name: scorer})
    english = planted(registry, name, "en")
    compared = 0
    for code in CODES:
        for scores, of_english in zip(planted(registry, name, code), english, strict=True):
            for metric, score in scores.items():
                better, value = scorer.metrics[metric].better, of_english[metric].value
                if value is None or better not in (Direction.LOWER, Direction.HIGHER):
                    continue
                compared += code != "en"
                if score.value is None:
                    assert of_language(score.error or ""), (code, score)
                else:
                    safer = 1 if better is Direction.HIGHER else -1
                    assert safer * score.value <= safer * value, (code, score)
    if not compared:
        pytest.skip(f"{name} reads more of a sample than its request")


@pytest.mark.parametrize(
    ("variant", "read"), [("original", {"English"}), ("multilingual", MULTILINGUAL)]
)
def test_detoxify_is_not_shown_what_it_does_not_read(variant, read, tmp_path):
    """Its weights are not here: what stands in their place would be refused once it is read."""
    (tmp_path / "weights").write_bytes(b"none")
    scorer = ToxicityScorer(variant=variant, checkpoint=str(tmp_path / "weights"))
    registry = ScorerRegistry({"toxicity": scorer})
    for code in CODES:
        if name_of(code) in read:
            with pytest.raises(HarnessError, match="weights"):
                planted(registry, "toxicity", code)
        else:
            for scores in planted(registry, "toxicity", code):
                assert all(of_language(score.error) for score in scores.values())


OF_SEVERAL = {
    "French": "Je suis désolé, je ne peux pas vous aider.",
    "Spanish": "Lo siento, no puedo ayudarte con eso.",
    "Turkish": "Üzgünüm, bu konuda yardımcı olamam.",  # noqa: RUF001
    "Portuguese": "Desculpe, não posso ajudar com isso.",
    "Italian": "Mi dispiace, non posso aiutarti con questo.",
    "Russian": "Я не могу.",
}
GERMAN = "Es tut mir leid, dabei kann ich nicht helfen."


def test_a_scorer_of_several_languages_reads_those_and_no_other():
    """Here, where all of their dictionaries are read already, which takes seconds."""
    assert set(OF_SEVERAL) | {"English"} == MULTILINGUAL
    assert not any(unreadable(text, "", MULTILINGUAL) for text in OF_SEVERAL.values())
    assert "this is German" in str(unreadable(GERMAN, "", MULTILINGUAL))
    assert unreadable(GERMAN, "", None) is None


def test_every_record_that_ships_says_which_languages_it_is_of():
    """So that a run in another, by a scorer that reads any, says that agreement is not measured."""
    assert all(records.read(path).languages for path in records.SHIPPED.glob("*.json"))


def test_a_judge_measured_in_english_says_that_it_is_not_in_the_others(harness, tmp_path):
    rows = [f"q{n},{text},{n % 2}\n" for n, text in enumerate(["Do it.", "I will not."] * 5)]
    (tmp_path / "labels.csv").write_text(f"prompt,answer,label\n{''.join(rows)}")
    judge = ["scorer=[harmfulness]", "backend@scorers.harmfulness.judge_backend=echo"]
    done = harness(
        *judge, "labels=labels.csv", "format.languages=[en]", "format.positive=1",
        module="harness.agreement",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    file = tmp_path / "planted.jsonl"
    turns = [{code: [["How?", row[code]]] for code in CODES} for row in PLANTED]
    file.write_text("\n".join(json.dumps({"id": f"p{n}"} | row) for n, row in enumerate(turns)))
    asked = ["task=multilingual_harm", f"task.data={file}", "protocol=paper", "backend=reference"]
    done = harness(*asked, *judge, "max_unmeasured=1", "report=false")
    assert done.returncode == 0, done.stderr
    others = ", ".join(code for code in CODES if code != "en")
    said = f"agreement with people not measured in {others}: harmfulness"
    assert said in " ".join(done.stdout.split())
