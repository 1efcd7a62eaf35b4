"""Mitigations of weights: edits against numpy, tuning by hand, kills, and what does not fit."""

import json
import math
import shutil

import numpy as np
import pyarrow as pa
import pytest
import torch
import yaml
from omegaconf import OmegaConf
from safetensors.torch import load_file, save_file

from harness.command import CONF_DIR, make
from harness.data import read_file
from harness.mitigate.asked import Asked
from harness.mitigate.card import read_card
from harness.mitigate.making import fit_and_write
from harness.mitigate.texts import read_texts
from harness.mitigations.fitting import training
from harness.mitigations.fitting.base import Base
from harness.mitigations.fitting.losses import (
    divergence,
    dpo,
    sequence_log_probabilities,
    text_loss,
)
from harness.mitigations.fitting.method import Fit, Method
from harness.mitigations.fitting.states import logistic_probe
from harness.mitigations.fitting.texts import Pair, Text, pairs_of, texts_of, without
from harness.mitigations.fitting.training import Course, Training
from harness.mitigations.weights.domain_adaptation import DomainAdaptation
from harness.mitigations.weights.editing import damped, shifted_rows
from harness.mitigations.weights.eigenshift import STATES, EigenShift
from harness.mitigations.weights.model_surgery import PROBE, ModelSurgery
from harness.mitigations.weights.preference import Preference
from harness.mitigations.weights.safety_tuning import SafetyTuning
from harness.mitigations.weights.selective_repair import SelectiveRepair, most_sensitive
from harness.mitigations.weights.task_vector import TaskVector
from harness.models.hf.model import HuggingFaceModel
from harness.store import RunStore
from harness.testing import check_mitigation
from harness.types import HarnessError

COURSE = {"rate": 0.05, "epochs": 1, "batch": 2}
LORA = {"r": 2, "lora_alpha": 4, "lora_dropout": 0.2, "target_modules": ["q_proj", "v_proj"]}
TEXTS = [
    Text("The day", " was fine.", 0.0), Text("The day", " was a damn mess.", 0.9),
    Text("He", " smiled.", 0.1), Text("He", " is a fool.", 0.8),
    Text("Say it", "I would rather not.", 0.0, asked=True),
    Text("", "You idiots.", 1.0), Text("", "Good morning.", 0.0),
]  # fmt: skip


def fitted(method, base, folder, texts=TEXTS, log=lambda line: None, name="out"):
    """The folder that a method wrote, and its facts."""
    out, kept = folder / name, folder / "kept"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    kept.mkdir(exist_ok=True)
    facts = method.fit(Fit(HuggingFaceModel(str(base)), texts, 3, out, kept, log))
    return out, facts


def rows_in(texts):
    """The lines of a file."""
    rows = ({"prompt": t.prompt, "text": t.text, "toxicity": t.unwanted} for t in texts)
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def weights_of(folder):
    return dict(HuggingFaceModel(str(folder)).read("float32")[1].named_parameters())


def test_shifted_rows_are_those_of_numpy():
    rng = np.random.default_rng(0)
    matrices = {name: rng.normal(size=(6, 4)).astype(np.float32) for name in "ab"}
    probe = rng.normal(size=4).astype(np.float32)
    unit = probe / np.linalg.norm(probe)
    rows = np.concatenate(list(matrices.values()))
    cosines = rows @ unit / np.linalg.norm(rows, axis=1)
    least = np.argsort(cosines)[:3]  # a quarter of 12
    rows[least] += 0.7 * np.linalg.norm(rows, axis=1).mean() * unit
    given = {name: torch.tensor(matrix) for name, matrix in matrices.items()}
    edited = {**given, **shifted_rows(given, torch.tensor(probe), 0.25, 0.7)}
    np.testing.assert_allclose(np.concatenate([edited[name] for name in "ab"]), rows, rtol=1e-5)


def test_a_damped_matrix_is_that_of_numpy_s_decomposition():
    rng = np.random.default_rng(1)
    matrix, difference = rng.normal(size=(20, 6)), rng.normal(size=6)
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    for direction in np.argsort(-abs(right @ difference))[:2]:
        values[direction] *= 0.1
    ours = damped(torch.tensor(matrix), torch.tensor(difference), 0.1, 2)
    np.testing.assert_allclose(ours, (left * values) @ right, atol=1e-9)


def test_the_probe_is_that_of_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(2)
    states = rng.normal(2, 3, size=(60, 5))
    positive = states @ rng.normal(size=5) + rng.normal(size=60) > 6
    spread = states.std(0)
    theirs = linear_model.LogisticRegression(class_weight="balanced", tol=1e-10, max_iter=1000)
    theirs.fit((states - states.mean(0)) / spread, positive)
    np.testing.assert_allclose(
        logistic_probe(states, positive), theirs.coef_[0] / spread, rtol=1e-4
    )


def test_the_loss_of_a_preference_by_hand():
    """Chosen gains 1 over the reference, rejected loses 1: a margin of 2, halved by beta."""
    policy = torch.tensor([-1.0]), torch.tensor([-3.0])
    reference = torch.tensor([-2.0]), torch.tensor([-2.0])
    assert float(dpo(policy, reference, 0.5)[0]) == pytest.approx(math.log(1 + math.exp(-1)))
    assert float(dpo(reference, reference, 0.5)[0]) == pytest.approx(math.log(2))


def test_the_divergence_by_hand():
    now, before = torch.tensor([[0.8, 0.2]]).log(), torch.tensor([[0.5, 0.5]]).log()
    expected = 0.5 * math.log(0.5 / 0.8) + 0.5 * math.log(0.5 / 0.2)
    assert float(divergence(now, before)) == pytest.approx(expected, rel=1e-5)


def test_losses_are_those_of_transformers_row_by_row(tiny):
    base = Base(HuggingFaceModel(str(tiny())))
    rows = base.rows(TEXTS)
    sums, count = [], 0
    for row in rows:
        ids = torch.tensor([row.tokens])
        labels = ids.clone()
        labels[0, : row.begins] = -100
        learned = len(row.tokens) - max(row.begins, 1)
        sums.append(-float(base.network(ids, labels=labels).loss.detach()) * learned)
        count += learned
    ours = sequence_log_probabilities(base, rows).detach().numpy()
    np.testing.assert_allclose(ours, sums, rtol=2e-2)  # products may be in bfloat16
    assert float(sum(text_loss(base, rows)).detach()) == pytest.approx(-sum(sums) / count, rel=2e-2)
    answer = rows[4]
    assert answer.tokens[-1] in base.ends  # what is asked is answered, and the answer ends


def test_steps_are_those_of_torch_s_adam(tmp_path):
    torch.manual_seed(0)
    start, target = torch.randn(5), torch.randn(5)
    ours = torch.nn.Parameter(start.clone())
    course = Course(rate=0.1, epochs=6, batch=1)
    fit = Fit(None, [], 0, tmp_path, tmp_path, lambda line: None)
    Training({"w": ours}, course, fit).run(
        1, lambda numbers: iter([(ours - target).square().sum()])
    )
    theirs = torch.nn.Parameter(start.clone())
    adam = torch.optim.Adam([theirs], lr=1.0)
    for step in range(6):
        adam.param_groups[0]["lr"] = course.rate_at(step, 6)
        adam.zero_grad()
        (theirs - target).square().sum().backward()
        torch.nn.utils.clip_grad_norm_([theirs], 1.0)
        adam.step()
    torch.testing.assert_close(ours, theirs)


METHODS = {
    "domain_adaptation": DomainAdaptation(COURSE, LORA),
    "last layers": DomainAdaptation(COURSE, layers=1),
    "task_vector": TaskVector(COURSE, LORA),
    "preference": Preference(COURSE, LORA),
    "safety_tuning": SafetyTuning({**COURSE, "epochs": 3}, LORA),
    "selective_repair": SelectiveRepair(COURSE),
    "whole": TaskVector(COURSE, None),
}


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
@pytest.mark.parametrize("name", METHODS)
def test_a_kill_changes_nothing_that_is_learned(tiny, tmp_path, monkeypatch, name):
    base = tiny()
    method = METHODS[name]
    whole, facts = fitted(method, base, tmp_path, name="whole")
    monkeypatch.setattr(training, "SAVE_SECONDS", -1.0)

    def stop(line):
        if line.startswith("step 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(method, base, tmp_path, log=stop)
    lines = []
    resumed, again = fitted(method, base, tmp_path, log=lines.append)
    assert any(line.startswith("goes on from step 1 of") for line in lines)
    assert again["steps"] == facts["steps"]
    files = [path.name for path in whole.glob("*.safetensors")]
    assert files
    for file in files:
        assert (whole / file).read_bytes() == (resumed / file).read_bytes()
    before, after = weights_of(base), weights_of(resumed)
    assert any(not torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("lora", [LORA, None], ids=["adapter", "weights"])
def test_a_task_vector_goes_the_other_way_by_its_strength(tiny, tmp_path, lora):
    base = tiny()
    learned = fitted(DomainAdaptation(COURSE, lora, "toxic"), base, tmp_path / "a")[0]
    negated = fitted(TaskVector(COURSE, lora, 0.5), base, tmp_path / "b")[0]
    same = fitted(TaskVector(COURSE, lora, 0.0), base, tmp_path / "c")[0]
    were, are = weights_of(base), weights_of(learned)
    for name, weight in weights_of(negated).items():
        torch.testing.assert_close(weight, were[name] - 0.5 * (are[name] - were[name]))
    for name, weight in weights_of(same).items():
        assert torch.equal(weight, were[name])


def test_selective_repair_trains_the_layer_with_the_largest_gradient_alone(tiny, tmp_path):
    base = tiny()
    repair = SelectiveRepair({"rate": 0.01, "epochs": 1, "batch": 99})
    out, facts = fitted(repair, base, tmp_path)
    assert facts["steps"] == 1
    before, after = weights_of(base), weights_of(out)
    moved = {name.split(".")[2] for name in before if not torch.equal(before[name], after[name])}
    assert len(moved) == 1
    assert facts["layers_trained_most_since_the_last_start"] == f"{moved.pop()} (1)"


def test_the_most_sensitive_layer_by_hand():
    """Root mean squares of 2 and of sqrt((9 + 0 + 0) / 3) = 1.73: the first, if the shorter."""
    blocks = {n: {"w": torch.nn.Parameter(torch.zeros(size))} for n, size in ((0, 1), (1, 3))}
    blocks[0]["w"].grad, blocks[1]["w"].grad = torch.tensor([2.0]), torch.tensor([3.0, 0, 0])
    assert most_sensitive(blocks, 1) == [0]
    assert most_sensitive(blocks, 2) == [0, 1]


EDITS = {"model_surgery": (ModelSurgery, {"strength": 2.0, "share": 0.3}, "strength", 0.0, "probe"),
         "eigenshift": (EigenShift, {"share": 0.1}, "damping", 1.0, "states")}  # fmt: skip


@pytest.mark.parametrize("kind", EDITS)
def test_an_edit_at_load_is_the_checkpoint_that_the_method_wrote(tiny, tmp_path, kind):
    method, options, dose, none, file = EDITS[kind]
    base = tiny()
    out = fitted(method(**options), base, tmp_path)[0]
    at_load = method(**options, **{file: str(out)})
    loaded = HuggingFaceModel(str(base)).hooked([at_load]).load("float32").model
    for name, weight in weights_of(out).items():
        torch.testing.assert_close(dict(loaded.named_parameters())[name], weight)
    check_mitigation(at_load, HuggingFaceModel(str(base)))
    undosed = HuggingFaceModel(str(base)).hooked([method(**{dose: none, file: str(out)})])
    unwritten = fitted(method(**{dose: none}), base, tmp_path, name="none")[0]
    for name, weight in weights_of(base).items():
        assert torch.equal(dict(undosed.load("float32").model.named_parameters())[name], weight)
        assert torch.equal(weights_of(unwritten)[name], weight)


def test_an_output_layer_that_is_the_embedding_becomes_its_own(tiny, tmp_path):
    base = tiny(tie_word_embeddings=True)
    out = fitted(EigenShift(share=0.1), base, tmp_path)[0]
    weights = weights_of(out)
    assert torch.equal(
        weights["model.embed_tokens.weight"], weights_of(base)["model.embed_tokens.weight"]
    )
    assert not torch.equal(weights["lm_head.weight"], weights["model.embed_tokens.weight"])
    hooked = HuggingFaceModel(str(base)).hooked([EigenShift(states=str(out))])
    with pytest.raises(HarnessError, match="is its embedding too, which mitigation=eigenshift"):
        hooked.load("float32")


@pytest.mark.parametrize(
    ("kind", "file", "tensor"),
    [("model_surgery", PROBE, "probe"), ("eigenshift", STATES, "difference")],
)
def test_a_file_of_another_model_or_method_is_one_sentence(tiny, tmp_path, kind, file, tensor):
    method, option = EDITS[kind][0], EDITS[kind][4]
    base = tiny()

    def load(path):
        HuggingFaceModel(str(base)).hooked([method(**{option: str(path)})]).load("float32")

    save_file({tensor: torch.ones(7)}, tmp_path / "narrow.safetensors")
    save_file({"other": torch.ones(32)}, tmp_path / "other.safetensors")
    with pytest.raises(HarnessError, match=r"is of shape \(7,\), and the model.* 32 wide"):
        load(tmp_path / "narrow.safetensors")
    with pytest.raises(HarnessError, match=f"has no '{tensor}', which it must; it has other"):
        load(tmp_path / "other.safetensors")
    with pytest.raises(HarnessError, match=f"is no file and holds no {file}"):
        load(tmp_path / "nothing")
    for name, vector, words in (
        ("nan", torch.full((32,), torch.nan), "has numbers that are not finite"),
        ("zero", torch.zeros(32), "is zero, and so points nowhere"),
    ):
        save_file({tensor: vector}, tmp_path / f"{name}.safetensors")
        with pytest.raises(HarnessError, match=f"'{tensor}' {words}"):
            load(tmp_path / f"{name}.safetensors")
    (tmp_path / "garbage.safetensors").write_bytes(b"garbage " * 9)
    with pytest.raises(HarnessError, match="cannot be read as safetensors"):
        load(tmp_path / "garbage.safetensors")
    with pytest.raises(HarnessError, match="=nan must be a finite number"):
        method(**{EDITS[kind][2]: float("nan")})


def test_texts_are_read_from_rows_of_any_known_shape():
    rows = [
        {"prompt": {"text": "It"}, "continuation": {"text": " is.", "toxicity": 0.3}},
        {"prompt": {"text": "It"}, "generations": [{"text": " a", "toxicity": None},
                                                   {"text": " b", "toxicity": 0.7}]},
        {"prompt": "x", "chosen": "y", "rejected": "z"},
        {"harmful_medical_request": "q", "safe_response": "no"},
        {"text": "hated", "toxicity_score": 5.0}, {"text": "plain", "label": "neutral"},
    ]  # fmt: skip
    assert texts_of(rows, "f") == [
        Text("It", " is.", 0.3), Text("It", " b", 0.7), Text("x", "y", 0.0), Text("x", "z", 1.0),
        Text("q", "no", 0.0, asked=True), Text("", "hated", 1.0), Text("", "plain", 0.0),
    ]  # fmt: skip
    with pytest.raises(HarnessError, match="data: row 1 of f has word, of which no text"):
        texts_of([{"word": 1}], "f")


def test_pairs_are_a_prompt_s_least_and_most_toxic_text():
    assert pairs_of(TEXTS) == [
        Pair("The day", " was fine.", " was a damn mess."), Pair("He", " smiled.", " is a fool."),
        Pair("", "Good morning.", "You idiots."),
    ]  # fmt: skip
    assert pairs_of([Text("a", "b", 0.3), Text("a", "c", 0.49)]) == []


def test_what_is_measured_on_is_not_learned_from():
    assert without(TEXTS, ["the  DAY", "you idiots.", ""]) == [*TEXTS[2:5], TEXTS[6]]


def test_a_method_says_what_texts_it_lacks(tiny, tmp_path):
    clean = [text for text in TEXTS if text.unwanted < 0.5 and not text.asked]
    base = tiny()
    for method, words in (
        (TaskVector(COURSE, None), "needs texts of toxicity below 0.25 and from 0.5.*has 3 and 0"),
        (Preference(COURSE, None), "both a clean and a toxic text"),
        (SafetyTuning(COURSE, None), "needs requests with safe answers"),
    ):
        with pytest.raises(HarnessError, match=words):
            fitted(method, base, tmp_path, clean)
    with pytest.raises(HarnessError, match="no weight of this model ends in 'fc'"):
        fitted(ModelSurgery(matrices="fc"), base, tmp_path)
    with pytest.raises(HarnessError, match=r"must have rate, epochs, batch"):
        fitted(TaskVector({"rat": 1}, None), base, tmp_path)
    with pytest.raises(HarnessError, match=r"method.lora=.*does not fit"):
        fitted(TaskVector(COURSE, {"r": 2, "target_modules": ["none"]}), base, tmp_path)


def test_the_command_writes_a_card_and_a_model_once(tiny, tmp_path, harness):
    base = tiny()
    data, left_out = tmp_path / "texts.jsonl", tmp_path / "measured.jsonl"
    data.write_text(rows_in(text for text in TEXTS if not text.asked))
    left_out.write_text('{"prompt": "He"}\n')
    options = ["method=model_surgery", f"model={base}", "out=safer", f"data={data}",
               f"exclude=[{left_out}]"]  # fmt: skip

    def call(*more):
        return harness(*options, *more, module="harness.mitigate")

    forecast = call("forecast=true")
    assert "read 4 of 4 texts; about 0.0 min left" in forecast.stdout, forecast.stderr
    assert not [*tmp_path.glob("*safer*")]
    made = call()
    assert made.returncode == 0, made.stderr
    assert "4 texts, 2 left out" in made.stdout
    folder = tmp_path / "safer"
    card = (folder / "README.md").read_text()
    assert card.startswith(f'---\nbase_model: "{base}"\ntags:\n- harness-mitigation\n')
    assert "| seed | 0 |" in card
    listed = read_card(folder)
    assert listed == yaml.safe_load((folder / "mitigation.yaml").read_text())
    assert listed["method"] == "model_surgery"
    assert len(listed["data_sha256"]) == 64
    assert listed["base_weights"] == HuggingFaceModel(str(base)).identity["weights"]
    other = call("seed=1")
    assert other.returncode == 1
    assert "holds what another question made (model_surgery, seed 0" in other.stderr


def test_a_whole_folder_is_left_as_it_is_and_no_method_is_none(harness, tmp_path, tiny):
    nothing = harness("out=x", module="harness.mitigate")
    assert (
        "method= names none; there are domain_adaptation, dont_know, eigenshift" in nothing.stderr
    )
    asked = Asked(ModelSurgery(), {}, HuggingFaceModel(str(tiny())), (), (), None, 0)
    fit_and_write(asked, tmp_path / "safer")
    (tmp_path / "safer" / "model.safetensors").unlink()
    fit_and_write(asked, tmp_path / "safer")
    assert not (tmp_path / "safer" / "model.safetensors").exists()


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_an_adapter_s_card_is_peft_s_and_its_base_is_found_from_anywhere(
    tiny, tmp_path, monkeypatch
):
    monkeypatch.chdir(tiny().parent)
    method = TaskVector(COURSE, {"r": 2, "target_modules": ["q_proj"]})
    fit_and_write(Asked(method, {}, HuggingFaceModel("tiny"), (), (), 8, 0), tmp_path / "safer")
    assert (tmp_path / "safer/README.md").read_text().startswith("---\nlibrary_name: peft\n")
    monkeypatch.chdir("/")
    moved = weights_of(tmp_path / "safer")
    assert not torch.equal(*(weights["model.layers.0.self_attn.q_proj.weight"]
                             for weights in (moved, weights_of(tmp_path / "tiny"))))  # fmt: skip


@pytest.mark.parametrize("path", sorted((CONF_DIR / "method").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_method_s_yaml_makes_a_method_of_its_name(path):
    method = make("method", OmegaConf.load(path), Method)
    kind = "domain_adaptation" if path.stem == "learning" else path.stem  # with another course
    assert method.identity["mitigation"] == kind
    assert all(isinstance(value, str) for value in method.identity.values())
    assert method.starter.is_file()
    assert method.use.format(out="x")
    assert texts_of(read_file(method.starter), "starter")


def test_a_run_s_answers_are_texts_with_their_scores(tmp_path, write_run):
    """Answer b of prompt 1 has no score, and nothing is learned of it."""
    name = write_run(tmp_path, "m", [0.0, 0.0])
    folder = tmp_path / "runs" / name
    scored = [("0", 0, 0.9), ("0", 1, 0.1), ("1", 0, None)]
    table = {"sample_id": [s for s, _, _ in scored], "index": [i for _, i, _ in scored]}
    store = RunStore(folder)
    store.write_table(
        "scores", pa.table({**table, "metric": ["toxicity"] * 3, "value": [v for *_, v in scored]})
    )
    store.append("generations", pa.table({**table, "text": [" a", " b", " c"]}))
    learned = read_texts([folder], tmp_path, [], None, 0)
    assert [(text.text, text.unwanted) for text in learned.texts] == [(" a", 0.9), (" b", 0.1)]


def test_a_checkpoint_is_written_in_its_base_s_dtype(tiny, tmp_path):
    network = HuggingFaceModel(str(tiny())).read("float32")[1].to(torch.bfloat16)
    network.save_pretrained(tmp_path / "tiny")
    out = fitted(ModelSurgery(strength=0.0), tmp_path / "tiny", tmp_path)[0]
    before, after = (load_file(folder / "model.safetensors") for folder in (tmp_path / "tiny", out))
    for name, weight in before.items():
        assert weight.dtype == torch.bfloat16
        assert torch.equal(after[name], weight)
