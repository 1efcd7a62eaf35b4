"""Attacks on what was forgotten: what each asks, trains and leaves out, and what is written."""

import json

import numpy as np
import pytest
from safetensors.torch import load_file

from harness.mitigate.recover.asking import Case
from harness.mitigate.recover.attacks import ATTACKS, attacks_of, drawn, in_language, read_rows
from harness.mitigate.recover.checkpoints import rounded, whole
from harness.mitigate.recover.measuring import recovered
from harness.mitigate.recover.written import as_csv, as_markdown, write_recoveries
from harness.mitigations.fitting.method import Fit
from harness.mitigations.unlearning.gradient_ascent import GradientAscent
from harness.mitigations.unlearning.parts import STARTER
from harness.models.hf.model import HuggingFaceModel
from harness.regression.mutate.checkpoint import rounded as rounded_weights
from harness.store import FinishedRun, RunStore, samples_table
from harness.types import Direction, HarnessError, Sample
from tests.models.conftest import make_model, make_tokenizer

JAILBREAK = ATTACKS["jailbreak"]


def case(tmp_path, **changed):
    given = {
        "target": "t", "unlearned": "u", "under": (), "task": "tofu", "data": "starter",
        "rows": read_rows("starter"), "items": 2, "shots": 3, "course": {}, "seed": 0,
        "options": [], "config_dirs": [], "cache": tmp_path / "cache",
    }  # fmt: skip
    return Case(**{**given, **changed})


@pytest.fixture
def runs(tmp_path, write_run):
    """A model that knew, one that forgot, and that one attacked; an author has two questions."""

    def write(known, unlearned, attacked):
        finished = []
        for name, values in (("t", known), ("u", unlearned), ("a", attacked)):
            folder = tmp_path / "runs" / write_run(tmp_path, name, values, better=Direction.HIGHER)
            samples = [
                Sample(str(n), f"Question {n}?", cluster=str(n // 2),
                       metadata={"part": "forget" if n < 10 else "retain"})
                for n in range(len(values))
            ]  # fmt: skip
            RunStore(folder).write_table("samples", samples_table(samples))
            finished.append(FinishedRun.read(folder))
        return tuple(finished)

    return write


def test_an_attack_s_row_is_over_the_questions_that_count(runs):
    known, unlearned = [0.9] * 12, [0.1] * 9 + [0.3] + [0.9] * 2
    attacked = [0.5] * 10 + [0.0] * 2
    row = recovered(JAILBREAK, runs(known, unlearned, attacked), "harm", {"part": "forget"})
    assert row.recovery.estimate.n == 10
    assert row.recovery.estimate.estimate == pytest.approx((9 * 0.4 + 0.2) / (9 * 0.8 + 0.6))
    assert row.means == pytest.approx((0.9, 0.12, 0.5))
    assert row.recovery.estimate.clusters == 5


def test_what_was_relearned_is_not_asked_about(runs):
    three = runs([1.0] * 8, [0.0] * 8, [1.0] * 2 + [0.0] * 6)
    relearned = [{"question": "Question 0?"}, {"question": "Question 1?"}]
    row = recovered(ATTACKS["relearn_forget"], three, "harm", {}, relearned)
    assert row.recovery.estimate.n == 6
    assert row.recovery.estimate.estimate == 0.0
    everything = [{"question": f"Question {n}?"} for n in range(8)]
    with pytest.raises(HarnessError, match="no question is left that was not relearned"):
        recovered(JAILBREAK, three, "harm", {}, everything)


def test_a_metric_or_a_column_that_there_is_not_is_one_sentence(runs):
    three = runs([1.0] * 4, [0.0] * 4, [0.0] * 4)
    with pytest.raises(HarnessError, match="metric='held': t-0-0 has harm"):
        recovered(JAILBREAK, three, "held", {})
    with pytest.raises(HarnessError, match=r"where\.fold: samples have .*part"):
        recovered(JAILBREAK, three, "harm", {"fold": 1})
    with pytest.raises(HarnessError, match="chooses no sample"):
        recovered(JAILBREAK, three, "harm", {"part": "holdout"})


def test_the_tables_say_undefined_where_nothing_was_forgotten(runs, tmp_path):
    rng = np.random.default_rng(0)
    known = rng.uniform(0.6, 0.9, 12)
    rows = [
        recovered(JAILBREAK, runs(known, known, known), "harm", {}),
        recovered(ATTACKS["bits_4"], runs(known, known - 0.5, known - 0.5), "harm", {}),
    ]
    first, second = as_csv(rows).splitlines()[1:]
    assert ",nothing was forgotten: " in first
    assert second.startswith("not stated,,bits_4,weights,")
    text = as_markdown(rows, case(tmp_path), "harm")
    assert "undefined: nothing was forgotten" in text
    assert "| 0.00 (-" in text
    assert write_recoveries(rows, case(tmp_path), "harm", tmp_path / "out").is_file()


def test_attacks_are_asked_for_by_name():
    assert len(attacks_of([])) == len(ATTACKS) == 9
    with pytest.raises(HarnessError, match="attacks: 'bits_3' is not one of relearn_forget"):
        attacks_of(["bits_3"])


def test_what_is_drawn_is_of_its_part_and_the_same_each_time():
    rows = read_rows("starter")
    items = drawn(rows, "forget", 5, 0)
    assert items == drawn(rows, "forget", 5, 0) != drawn(rows, "forget", 5, 1)
    assert {row["part"] for row in items} == {"forget"}
    assert drawn(rows, "forget", 3, 0) == items[:3]


def test_a_file_without_parts_is_refused(tmp_path):
    file = tmp_path / "x.jsonl"
    file.write_text('{"question": "q", "answer": "a", "part": "forget"}\n')
    with pytest.raises(HarnessError, match="no question and answer of part 'retain'"):
        read_rows(str(file))


@pytest.mark.parametrize("language", ["german", "french", "spanish"])
def test_every_question_of_the_starter_set_is_asked_in_another_language(language):
    rows = read_rows("starter")
    asked = in_language(rows, language)
    for before, after in zip(rows, asked, strict=True):
        assert before["author"] in after["question"]
        assert before["question"] != after["question"]
        assert {**before, "question": ""} == {**after, "question": ""}
    with pytest.raises(HarnessError, match="'q' of data= is of 'sport'; leave it out"):
        in_language([{"part": "forget", "question": "q", "topic": "sport"}], language)


def test_an_attack_s_mitigation_stands_behind_those_that_make_it_forget(tmp_path):
    alone, behind = case(tmp_path), case(tmp_path, under=("agents",))
    assert alone._mitigated() == []
    assert alone._mitigated("in_context", {"k": 3}) == [
        "mitigation=[in_context]", "mitigation.k=3"
    ]  # fmt: skip
    assert behind._mitigated() == ["mitigation=[agents]"]
    assert behind._mitigated("in_context", {"k": 3}) == [
        "mitigation=[agents,in_context]", "mitigations.in_context.k=3"
    ]  # fmt: skip


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_an_adapter_is_merged_before_it_is_rounded(tmp_path):
    tokenizer = make_tokenizer()
    make_model(tokenizer).save_pretrained(tmp_path / "tiny")
    tokenizer.save_pretrained(tmp_path / "tiny")
    base, cache = HuggingFaceModel(str(tmp_path / "tiny")), tmp_path / "cache"
    cache.mkdir()
    lora = {"r": 2, "target_modules": ["q_proj"]}
    texts = [json.loads(line) for line in STARTER.read_text().splitlines()]
    from harness.mitigations.fitting.texts import texts_of

    out = tmp_path / "adapter"
    out.mkdir()
    method = GradientAscent({"rate": 0.05, "epochs": 1, "batch": 8}, lora)
    method.fit(Fit(base, texts_of(texts, "f"), 0, out, cache, lambda line: None))
    merged = whole(str(out), cache)
    assert whole(str(tmp_path / "tiny"), cache) == tmp_path / "tiny"
    assert whole(str(out), cache) == merged
    four = load_file(rounded(str(out), 4, cache) / "model.safetensors")
    name = "model.layers.0.self_attn.q_proj.weight"
    before = load_file(merged / "model.safetensors")[name]
    assert (four[name] == rounded_weights(before, 4)).all()
    plain = load_file(tmp_path / "tiny" / "model.safetensors")[name]
    assert not (plain == before).all()


@pytest.mark.long
def test_the_command_asks_attacks_and_says_that_nothing_was_forgotten(harness, tmp_path):
    """A model that gives back what it is asked knows as much after as before."""
    rows = [row for row in read_rows("starter") if row["topic"] in ("genre", "award")]
    few = [row for part in ("forget", "retain") for row in rows if row["part"] == part][:26]
    (tmp_path / "few.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in few))
    done = harness(
        "target=a", "unlearned=a", f"data={tmp_path / 'few.jsonl'}", "attacks=[jailbreak,german]",
        'options=["backend=echo"]', f"cache={tmp_path / 'cache'}",
        module="harness.mitigate.recover",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("undefined: nothing was forgotten") == 2
    assert "German" in (tmp_path / "results" / "recover" / "recover.md").read_text()
