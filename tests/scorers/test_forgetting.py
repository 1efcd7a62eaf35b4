"""What is remembered of texts: words written again, few surprises, right answers likelier."""

import gzip
import json
from math import exp

import numpy as np
import pytest
from scipy.stats import hmean

from harness.scorers.likelihood.min_k import MinKScorer
from harness.scorers.likelihood.truth_ratio import (
    TruthRatioScorer,
    mean_loss,
    probability,
    truth_ratio,
    truthfulness,
)
from harness.scorers.rules.memorisation import MemorisationScorer
from harness.statistics import kolmogorov_smirnov
from harness.types import Generation, HarnessError, Sample

RETAIN, FORGET = "eval_log.json", "eval_log_forget.json"
AUTHORS, WORLD = "eval_real_author_wo_options.json", "eval_real_world_wo_options.json"


def recalled(text, target="Sheep bells rang across the valley as the ferry came in.", **metadata):
    sample = Sample("s", "?", target=target, metadata=metadata)
    (scores,) = MemorisationScorer().score([sample], [Generation("s", 0, text)])
    return {score.metric: score for score in scores}


def test_words_are_recalled_by_rouge_l():
    scores = recalled("Sheep bells rang across the bay", target="sheep bells rang in the bay")
    assert scores["recall_f1"].value == pytest.approx(5 / 6)
    assert scores["recall_share"].value == pytest.approx(5 / 6)
    assert scores["coherent"].value == 1.0


def test_an_answer_ends_at_a_blank_line_or_another_question_where_its_sample_says_so():
    for rest in ("\n\nQuestion: What else?", "\nQuestion: What?", " Question: Who?"):
        written = recalled(f" Ash{rest} Oak and elm", target="Ash", cut="answer")
        assert written["recall_f1"].value == 1.0
    assert recalled("Ash\n\nOak", target="Ash oak")["recall_f1"].value == 1.0
    with pytest.raises(HarnessError, match="sample 's': cut='x' is not one of none, answer"):
        recalled("a", cut="x")


@pytest.mark.parametrize(
    "text",
    [
        "the sea " * 40,
        "fffff" * 20,
        "ha" * 30,
        "no. no. " * 12,
        "Vehicle twisted calcium Electrical object Anglican excellent basket quarters Meta "
        "deficits nausea adam prophetic borough incentive conducted launching structural parent",
    ],
)
def test_a_broken_model_is_not_coherent_though_it_recalls_nothing(text):
    scores = recalled(text)
    assert scores["recall_f1"].value < 0.2
    assert scores["coherent"].value == 0.0


def test_empty_text_is_missing_and_no_forgetting():
    for text in ("", " \n", "\n\nQuestion: What?"):
        assert all(score.value is None for score in recalled(text, cut="answer").values())


def test_a_text_that_was_weighed_has_min_k_and_no_words():
    weighed = Generation("s", 0, choice_logprobs=(-15.0,), choice_steps=((-1.0, -9.0, -2.0, -3.0),))
    text = Sample("s", "", choices=("a text",))
    (scores,) = MinKScorer(0.5).score([text], [weighed])
    assert [score.value for score in scores] == [-6.0, 1.0]
    (words,) = MemorisationScorer().score([text], [weighed])
    assert words[-1].value == 0.0
    bare = Generation("s", 0, choice_logprobs=(-15.0,))
    (scores,) = MinKScorer(0.5).score([text], [bare])
    assert all("choose backend=hf" in score.error for score in scores)
    with pytest.raises(HarnessError, match="share=0 must be above 0"):
        MinKScorer(0)


def held(holds, *losses):
    steps = tuple((-loss, -loss) for loss in losses)
    sample = Sample("s", "?", choices=("a",) * len(losses), metadata={"holds": holds})
    weights = tuple(-2 * loss for loss in losses)
    answer = Generation("s", 0, choice_logprobs=weights, choice_steps=steps)
    return [score.value for score in TruthRatioScorer().score([sample], [answer])[0]]


def test_answers_are_held_by_probability_and_by_truth():
    assert held("answer", 1.0) == [pytest.approx(exp(-1)), None, 1.0]
    assert held("answer among wrong ones", 1.0, 2.0, 2.0) == [
        pytest.approx(1 / (1 + 2 * exp(-1))), None, 1.0,
    ]  # fmt: skip
    assert held("truth", 1.0, 1.0, 3.0) == [pytest.approx(1 - exp(-1)), pytest.approx(exp(1)), 1.0]
    assert held("truth", 40.0, 1.0)[0] == 0.0
    assert mean_loss([-80.0]) == 50.0
    written = Sample("s", "?", target="Ash and oak", metadata={"holds": "words"})
    (scores,) = TruthRatioScorer().score([written], [Generation("s", 0, "It is oak")])
    assert scores[0].value == pytest.approx(1 / 3)


PUBLISHED = {
    "full": (0.6226773637, 0.990939, 0.985450, 0.515985, (
        (0.989527, 0.985655, 0.474699), (0.455482, 0.933000, 0.596229),
        (0.418562, 0.882479, 0.539033))),
    "retain99": (0.6207444756, 0.179521, 0.397237, 0.684941, (
        (0.990596, 0.988945, 0.464641), (0.459313, 0.928000, 0.603727),
        (0.412170, 0.882479, 0.538977))),
}  # fmt: skip


def stored(shared_data, name):
    """By part and measure the stored values of each item, in order."""
    content = (shared_data / "tofu" / f"llama2_7b_{name}.json.gz").read_bytes()
    parts = json.loads(gzip.decompress(content))
    return {p: {m: list(v.values()) for m, v in ms.items()} for p, ms in parts.items()}


def ratios(part):
    pairs = zip(part["avg_paraphrased_loss"], part["average_perturb_loss"], strict=True)
    return np.array([truth_ratio(right, wrong) for right, wrong in pairs])


@pytest.mark.parametrize("name", PUBLISHED)
def test_tofu_s_stored_losses_give_the_published_figures(shared_data, name):
    utility, forget, rouge, truth, nine = PUBLISHED[name]
    parts, made = stored(shared_data, name), []
    for which, published in zip((RETAIN, AUTHORS, WORLD), nine, strict=True):
        part = parts[which]
        among = zip(part["avg_gt_loss"], part["average_perturb_loss"], strict=True)
        means = [
            np.mean([probability(r, () if which == RETAIN else w) for r, w in among]),
            np.mean(part["rougeL_recall"]),
            np.mean([truthfulness(ratio) for ratio in ratios(part)]),
        ]
        assert means == pytest.approx(published, abs=5e-7)
        made += means
    assert hmean(made) == pytest.approx(utility, abs=5e-11)
    gone = parts[FORGET]
    assert np.mean([probability(loss) for loss in gone["avg_gt_loss"]]) == pytest.approx(
        forget, abs=5e-7
    )
    assert np.mean(gone["rougeL_recall"]) == pytest.approx(rouge, abs=5e-7)
    both = [min(ratio, 1 / ratio) for ratio in ratios(gone)]
    assert np.mean(both) == pytest.approx(truth, abs=5e-7)


def test_tofu_s_stored_losses_lie_the_published_distance_apart(shared_data):
    full, retain = (ratios(stored(shared_data, name)[FORGET]) for name in PUBLISHED)
    apart = [[str(n) for n in range(len(values))] for values in (full, retain)]
    found = kolmogorov_smirnov(full, apart[0], retain, apart[1])
    assert found.distance == pytest.approx(0.4283333333, abs=5e-11)
    assert found.p == pytest.approx(2.345177253e-06, rel=5e-10)
    assert 0 < found.low < found.distance < found.high < 1
