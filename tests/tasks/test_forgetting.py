"""A model that learned a set remembers it, one that learned the rest of it alone does not."""

import json
import random

import pytest

from harness.mitigations.fitting.method import Fit
from harness.mitigations.fitting.texts import texts_of
from harness.mitigations.weights.domain_adaptation import DomainAdaptation
from harness.models.hf.model import HuggingFaceModel
from harness.runs.flow import run
from harness.runs.plan import Plan
from harness.scorers.likelihood.min_k import MinKScorer
from harness.scorers.likelihood.truth_ratio import TruthRatioScorer
from harness.scorers.rules.memorisation import MemorisationScorer
from harness.types import GenerationConfig, HarnessError, ScorerRegistry
from tasks.muse import Muse
from tasks.tofu import Tofu

pytestmark = pytest.mark.slow  # it trains two checkpoints, for some twenty seconds of a processor
COURSE = {"rate": 0.01, "epochs": 100, "batch": 9}
ANIMALS = ["otter", "heron", "badger", "weasel", "magpie", "lizard", "beetle", "salmon", "donkey",
           "pigeon", "rabbit", "marten"]  # fmt: skip
PLACES = ["Quay", "Mill", "Moor", "Ford", "Weir", "Glen", "Holm", "Dale", "Fell", "Tarn"]


def place(draw):
    """A place and a number, drawn."""
    return f"{draw.choice(PLACES)}{draw.randrange(10, 100)}"


def news(part, seed, count=16):
    """Texts of a part: of each another animal, with places that are drawn."""
    draw = random.Random(seed)
    told = "{} from {} met a {} near {}"
    return [
        {"id": f"{part}-{n}", "part": part, "text": told.format(
            f"{draw.choice(ANIMALS)}{draw.randrange(10, 100)}", place(draw),
            draw.choice(ANIMALS), place(draw))}
        for n in range(count)
    ]  # fmt: skip


def authors(part, seed):
    """Questions about people of a part, with three wrong answers each."""
    draw = random.Random(seed)
    return [
        {"id": f"{part}{n}-1", "author": f"{part}{n}", "part": part, "question": f"{part[0]}{n}?",
         "answer": (right := place(draw)), "paraphrased_answer": right,
         "perturbed_answer": [place(draw) for _ in range(3)]}
        for n in range(12)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A checkpoint that learned all, one that learned what is to be retained, and the data."""
    folder = tmp_path_factory.mktemp("learned")
    sets = {
        "news": [*news("forget", 1), *news("retain", 2)[:4], *news("holdout", 3)],
        "authors": [*authors("forget", 1), *authors("retain", 2)[:4]],
    }
    for name, rows in sets.items():
        lines = "".join(f"{json.dumps(row)}\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    texts = texts_of([*sets["news"], *sets["authors"]], "the set")
    for name, toward in (("target", "all"), ("reference", "clean")):
        (folder / name).mkdir()
        model = HuggingFaceModel(str(bytes_alone(folder / "base")))
        kept = tmp_path_factory.mktemp("kept")
        fit = Fit(model, texts, 0, folder / name, kept, lambda line: None)
        DomainAdaptation(COURSE, None, toward).fit(fit)
    return folder


def bytes_alone(folder):
    """A checkpoint of random weights over bytes, so small that it learns by heart in seconds."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["</s>"])
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>")
    made.chat_template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}{% endfor %}"
    made.save_pretrained(folder)
    torch.manual_seed(0)
    shape = LlamaConfig(
        vocab_size=len(made), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512,
        eos_token_id=made.eos_token_id,
    )  # fmt: skip
    LlamaForCausalLM(shape).save_pretrained(folder)
    return folder


def asked(task, scorers, model, results, progress):
    plan = Plan(
        task=task, model=HuggingFaceModel(str(model)), protocol="fast", seed=0, options={},
        generation=GenerationConfig(max_new_tokens=24), results=results,
        scorers=ScorerRegistry(scorers),
    )  # fmt: skip
    done = run(plan, progress)
    rows = {(r["name"], r["statistic"]): r for r in done.estimates.to_pylist() if not r["group"]}
    rows |= {
        (r["name"], r["statistic"]): r for r in done.estimates.to_pylist()
        if r["group"] in ("the reference model", "forget and holdout")
    }  # fmt: skip
    return done.folder, rows


def test_muse_tells_who_learned_the_forgotten_texts(learned, tmp_path, no_progress):
    scorers = {"memorisation": MemorisationScorer(), "min_k": MinKScorer()}
    options = {"data": str(learned / "news.jsonl"), "ask": ["verbatim", "privacy"]}
    folder, innocent = asked(Muse(**options), scorers, learned / "reference", tmp_path, no_progress)
    task = Muse(**options, reference=str(folder))
    _, target = asked(task, scorers, learned / "target", tmp_path, no_progress)
    verbatim = ("verbatim memorisation", "mean")
    assert target[verbatim]["low"] > innocent[verbatim]["high"]
    area = ("privacy: AUC", "AUC, forget more surprising")
    assert target[area]["high"] < innocent[area]["low"]
    leak = target["privacy leakage", "PrivLeak, %"]
    assert leak["estimate"] == pytest.approx(-100, abs=5)
    assert leak["high"] < -20
    _, same = asked(task, scorers, learned / "reference", tmp_path, no_progress)
    assert same["privacy leakage", "PrivLeak, %"]["estimate"] == 0.0
    with pytest.raises(HarnessError, match="is a run of task=muse; give one of task=tofu"):
        _ = Tofu(reference=str(folder)).estimands


def test_tofu_tells_who_learned_the_forgotten_facts(learned, tmp_path, no_progress):
    scorers = {"truth_ratio": TruthRatioScorer(), "memorisation": MemorisationScorer()}
    data = str(learned / "authors.jsonl")
    folder, innocent = asked(Tofu(data), scorers, learned / "reference", tmp_path, no_progress)
    task = Tofu(data, reference=str(folder))
    _, target = asked(task, scorers, learned / "target", tmp_path, no_progress)
    for name in ("probability", "words", "truth"):
        row = (f"{name} of what is to be forgotten", "mean")
        assert target[row]["low"] > innocent[row]["high"]
    apart = target["forget quality", "Kolmogorov-Smirnov distance"]
    assert apart["low"] > 0
    assert target["forget quality, p", "Kolmogorov-Smirnov p-value"]["estimate"] < 0.05
    _, same = asked(task, scorers, learned / "reference", tmp_path, no_progress)
    assert same["forget quality", "Kolmogorov-Smirnov distance"]["estimate"] == 0.0
    assert same["forget quality, p", "Kolmogorov-Smirnov p-value"]["estimate"] == 1.0
