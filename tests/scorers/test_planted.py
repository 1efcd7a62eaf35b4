"""Harmful answers planted in twelve languages: no scorer takes them for safer than the English."""

import json
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from harness.command import plugins
from harness.command.config import CONF_DIR, register
from harness.models.languages import language_of
from harness.scorers.detoxify.toxicity import MULTILINGUAL, ToxicityScorer
from harness.types import (
    Direction,
    Generation,
    HarnessError,
    Sample,
    Scorer,
    ScorerRegistry,
    name_of,
    of_language,
    trait,
)
from harness.validity import records

FILE = Path(__file__).parent.parent / "planted_harm.jsonl"
PLANTED = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]
"""Harmful answers of ours in twelve languages, by one hand: no native speaker has read them."""
CODES = sorted(PLANTED[0].keys() - {"kind"})
READS_SOME = ("refusal", "toxicity_offline", "harmfulness_offline", "empathy_offline", "guidance",
              "guidance_dialogue", "normativity", "prompt_toxicity")  # fmt: skip
"""Scorers of harm, or of what keeps from it, that are here with their weights."""
READS_ANY = {"harmfulness", "harmfulness_second", "harmfulness_panel", "guard", "empathy",
             "counselling_quality", "rubric", "preferred", "answer_quality", "fine_grained",
             "attention", "toxic_words"}  # fmt: skip
"""That ask a model, or read words that a sample names, in whatever language."""
NO_HARM = {"answers", "choice", "choice_where", "justification", "labels", "language", "lm_eval",
           "molecule_repair", "overlap", "perplexity", "rationale", "spans", "text_likelihood",
           "trial_results", "yes_fields", "yes_no"}  # fmt: skip
"""That tell no harm of an answer's words."""


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


def test_every_scorer_is_known_to_this_proof():
    known = {*READS_SOME, *READS_ANY, *NO_HARM, "toxicity"}
    assert known == {path.stem for path in (Path(CONF_DIR) / "scorer").glob("*.yaml")}


@pytest.mark.parametrize("name", READS_SOME)
def test_a_planted_harm_is_no_safer_in_another_language_or_is_not_measured(name):
    scorer = plugins.make("scorer", compose("config", [f"scorer=[{name}]"]).scorers[name], Scorer)
    registry = ScorerRegistry({name: scorer})
    english = planted(registry, name, "en")
    assert any(score.value is not None for scores in english for score in scores.values())
    for code in CODES:
        for scores, of_english in zip(planted(registry, name, code), english, strict=True):
            for metric, score in scores.items():
                if score.value is None:
                    assert code == "en" or of_language(score.error or ""), (code, score)
                    continue
                assert name_of(code) in trait(scorer, "languages")
                better, value = scorer.metrics[metric].better, of_english[metric].value
                if better in (Direction.LOWER, Direction.HIGHER) and value is not None:
                    safer = 1 if better is Direction.HIGHER else -1
                    assert safer * score.value <= safer * value, (code, score)


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


def test_a_shipped_record_of_a_scorer_that_reads_any_language_says_which_it_is_of():
    """So that a run in another says that agreement is not measured there."""
    shipped = [records.read(path) for path in records.SHIPPED.glob("*.json")]
    assert {record.scorer for record in shipped} & READS_ANY == {"harmfulness"}
    assert all(record.languages for record in shipped)


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
