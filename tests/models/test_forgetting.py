"""Methods that forget: losses by hand and against others, kills, and what each trains."""

import json
import math

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from harness.mitigate.asked import Asked
from harness.mitigate.card import read_card
from harness.mitigate.making import fit_and_write
from harness.mitigations.fitting import training
from harness.mitigations.fitting.base import Base
from harness.mitigations.fitting.losses import dpo, sequence_log_probabilities, text_loss
from harness.mitigations.fitting.method import Fit
from harness.mitigations.fitting.texts import Text, texts_of
from harness.mitigations.fitting.tuning import Tuning
from harness.mitigations.unlearning.dont_know import DontKnow, unknowing
from harness.mitigations.unlearning.gradient_ascent import GradientAscent
from harness.mitigations.unlearning.losses import distance, generic, npo, simnpo
from harness.mitigations.unlearning.npo import NPO, SimNPO
from harness.mitigations.unlearning.parts import STARTER, Forgetting, Retained
from harness.mitigations.unlearning.rmu import RMU, states_at
from harness.mitigations.unlearning.whos_harry_potter import WhosHarryPotter
from harness.models.hf.model import HuggingFaceModel
from harness.types import HarnessError

COURSE = {"rate": 0.02, "epochs": 2, "batch": 2}
LORA = {"r": 2, "lora_alpha": 4, "lora_dropout": 0.2, "target_modules": ["q_proj", "v_proj"]}
TEXTS = texts_of(map(json.loads, STARTER.read_text().splitlines()[4:12]), STARTER.name)


def fitted(method, base, folder, texts=TEXTS, log=lambda line: None, name="out"):
    """The folder that a method wrote, and its facts."""
    out, kept = folder / name, folder / "kept"
    out.mkdir(parents=True, exist_ok=True)
    kept.mkdir(exist_ok=True)
    return out, method.fit(Fit(HuggingFaceModel(str(base)), texts, 3, out, kept, log))


def weights_of(folder):
    return dict(HuggingFaceModel(str(folder)).read("float32")[1].named_parameters())


def probability_of(folder, part):
    """Mean log-probability of the texts of a part, by the model in a folder."""
    base = Base(HuggingFaceModel(str(folder)))
    rows = base.rows(text for text in TEXTS if text.unwanted == part)
    with torch.no_grad():
        return float(sequence_log_probabilities(base, rows).mean())


def test_the_loss_of_npo_by_hand():
    """A text that is half as probable as it was: 2 / .5 * ln(1 + .5 ** .5)."""
    now, before = torch.tensor([math.log(0.1)]), torch.tensor([math.log(0.2)])
    assert float(npo(now, before, 0.5)[0]) == pytest.approx(4 * math.log(1 + math.sqrt(0.5)))


def test_npo_is_a_preference_without_a_chosen_text():
    now, before, nothing = torch.tensor([-3.0, -9.0]), torch.tensor([-5.0, -4.0]), torch.zeros(2)
    halved = dpo((nothing, now), (nothing, before), 0.1)
    torch.testing.assert_close(npo(now, before, 0.1), 2 / 0.1 * halved)


@pytest.mark.parametrize(("beta", "expected"), [(1e-6, 1.0), (1.0, 2 / (1 + math.exp(6)))])
def test_npo_s_gradient_goes_from_gradient_ascent_s_to_none(beta, expected):
    """2 p^b / (p^b + q^b): 1 where beta is near 0, and little for what is forgotten already."""
    now = torch.tensor([-10.0], requires_grad=True)
    npo(now, torch.tensor([-4.0]), beta).sum().backward()
    assert float(now.grad) == pytest.approx(expected, rel=1e-4)


def test_the_loss_of_simnpo_by_hand():
    """Four tokens of log-probability -1 each, beta 2, margin .5: ln(1 + exp(-2 + .5))."""
    loss = simnpo(torch.tensor([-4.0]), torch.tensor([4]), 2.0, 0.5)
    assert float(loss[0]) == pytest.approx(math.log(1 + math.exp(-1.5)))


def test_generic_logits_lack_only_what_the_reinforced_model_raised():
    before, reinforced = torch.tensor([2.0, 1.0, 0.0]), torch.tensor([2.5, 0.0, 0.0])
    assert generic(before, reinforced, 5.0).tolist() == [-0.5, 1.0, 0.0]


def test_the_distance_of_states_leaves_out_what_is_not_counted():
    states = torch.tensor([[[9.0, 9.0], [3.0, 1.0], [0.0, 4.0]]])
    counted = torch.tensor([[False, True, True]])
    assert float(distance(states, torch.tensor([1.0, 1.0]), counted)) == 2.0 + 5.0


def test_a_part_of_a_set_says_what_is_to_be_forgotten():
    rows = [{"question": "q", "answer": "a", "part": "forget"}, {"text": "t", "part": "retain"},
            {"text": "t", "part": "forget"}, {"text": "t", "part": "holdout"},
            {"question": "q", "answer": "a"}]  # fmt: skip
    assert texts_of(rows, "f") == [
        Text("q", "a", 1.0, True), Text("", "t", 0.0), Text("", "t", 1.0), Text("q", "a", 0.0, True)
    ]  # fmt: skip


def test_ascent_is_the_loss_turned_round_and_what_is_retained_stands_beside_it(tiny, tmp_path):
    """The first step's loss is that of the model as it was: by hand from its log-probabilities."""
    base = tiny()
    course = {"rate": 1e-6, "epochs": 1, "batch": 99}
    rows = {part: Base(HuggingFaceModel(str(base))) for part in (0.0, 1.0)}
    means = {
        part: float(sum(text_loss(of, of.rows(t for t in TEXTS if t.unwanted == part))).detach())
        for part, of in rows.items()
    }
    plain = fitted(GradientAscent(course), base, tmp_path)[1]
    assert plain["loss_of_the_first_tenth"] == pytest.approx(-means[1.0], abs=1e-3)
    assert plain["texts_to_retain"] == 0
    same = fitted(GradientAscent(course, retain="klr"), base, tmp_path)[1]
    assert same["loss_of_the_first_tenth"] == pytest.approx(-means[1.0], abs=1e-3)
    alone = [text for text in TEXTS if text.unwanted == 1.0] + [TEXTS[-1]]
    of = rows[0.0]
    kept = float(sum(text_loss(of, of.rows([TEXTS[-1]]))).detach())
    both = fitted(GradientAscent(course, retain="gdr", weight=0.5), base, tmp_path, alone)[1]
    assert both["loss_of_the_first_tenth"] == pytest.approx(0.5 * kept - means[1.0], abs=1e-3)


def test_the_divergence_that_retains_is_scipy_s(tiny, tmp_path):
    base = tiny()
    fit = Fit(HuggingFaceModel(str(base)), TEXTS, 0, tmp_path, tmp_path, lambda line: None)
    forgetting = Forgetting("x", Tuning(COURSE, None), Retained("klr", 1.0), fit)
    of = forgetting.base
    row = forgetting.keep[0]
    with torch.no_grad():
        before = of.network(torch.tensor([row.tokens])).logits[0].softmax(-1).double()
        for weight in of.network.parameters():
            weight.add_(
                0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))
            )
        now = of.network(torch.tensor([row.tokens])).logits[0].softmax(-1).double()
        ours = float(sum(forgetting._moved([row])))
    learned = slice(row.begins - 1, len(row.tokens) - 1)
    theirs = entropy(before[learned].numpy(), now[learned].numpy(), axis=-1).mean()
    assert ours == pytest.approx(theirs, rel=2e-2)  # products may be in bfloat16
    assert ours > 1e-3


METHODS = {
    "gradient_ascent": GradientAscent(COURSE),
    "adapter": GradientAscent(COURSE, LORA, retain="klr"),
    "gdr": GradientAscent(COURSE, retain="gdr"),
    "npo": NPO(COURSE, retain="klr"),
    "simnpo": SimNPO(COURSE),
    "rmu": RMU(COURSE, layer=1),
    "whos_harry_potter": WhosHarryPotter(COURSE, LORA),
    "preference": DontKnow(COURSE),
    "relabelling": DontKnow(COURSE, objective="relabelling"),
}


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
@pytest.mark.parametrize("name", METHODS)
def test_a_kill_changes_nothing_that_is_forgotten(tiny, tmp_path, monkeypatch, name):
    base = tiny()
    method = METHODS[name]
    whole, facts = fitted(method, base, tmp_path / "whole")
    monkeypatch.setattr(training, "SAVE_SECONDS", -1.0)
    seen = []

    def stop(line):
        seen.append(line)
        last = sum(line.startswith("step 2") for line in seen)
        if last == 1 + (name == "whos_harry_potter"):  # in its second training
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(method, base, tmp_path, log=stop)
    lines = []
    resumed, again = fitted(method, base, tmp_path, log=lines.append)
    assert any(line.startswith("goes on from step 1 of") for line in lines)
    assert again == facts
    (file,) = (path.name for path in whole.glob("*.safetensors"))
    assert (whole / file).read_bytes() == (resumed / file).read_bytes()
    before, after = weights_of(base), weights_of(resumed)
    assert any(not torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize(
    "method",
    [
        METHODS["gradient_ascent"],
        NPO(COURSE, retain="none"),
        SimNPO(COURSE, beta=0.1, retain="none"),  # a random model has forgotten all at 2.5
    ],
    ids=["gradient_ascent", "npo", "simnpo"],
)
def test_what_is_forgotten_becomes_improbable(tiny, tmp_path, method):
    base = tiny()
    out = fitted(method, base, tmp_path)[0]
    assert probability_of(out, 1.0) < probability_of(base, 1.0) - 1.0


def test_ascent_alone_takes_along_what_nobody_asked_to_forget(tiny, tmp_path):
    base = tiny()
    alone = fitted(METHODS["gradient_ascent"], base, tmp_path / "alone")[0]
    beside = fitted(METHODS["gdr"], base, tmp_path / "beside")[0]
    assert probability_of(alone, 0.0) < probability_of(base, 0.0) - 1.0
    assert probability_of(beside, 0.0) > probability_of(alone, 0.0) + 1.0


def test_rmu_trains_three_layers_matrices_and_steers_the_states(tiny, tmp_path):
    base = tiny()
    out = fitted(RMU({"rate": 0.05, "epochs": 20, "batch": 4}, layer=1), base, tmp_path)[0]
    before, after = weights_of(base), weights_of(out)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {f"model.layers.{n}.mlp.down_proj.weight" for n in (0, 1)}
    drawn = torch.rand(32, generator=torch.Generator().manual_seed(3))
    cosines = []
    for folder in (base, out):
        model = Base(HuggingFaceModel(str(folder)))
        batch = model.batch(model.rows(text for text in TEXTS if text.unwanted))
        with torch.no_grad():
            states = states_at(model, batch.tokens, batch.mask, 1)[:, 1:][batch.mask[:, 1:].bool()]
        cosines.append(float(torch.cosine_similarity(states, drawn[None]).mean()))
    assert cosines[1] > cosines[0] + 0.1


def test_states_after_a_layer_are_those_of_transformers(tiny):
    base = Base(HuggingFaceModel(str(tiny())))
    batch = base.batch(base.rows(TEXTS))
    with torch.no_grad():
        ours = states_at(base, batch.tokens, batch.mask, 0)
        whole = base.network(batch.tokens, attention_mask=batch.mask, output_hidden_states=True)
    theirs = whole.hidden_states[1]
    kept = batch.mask.bool()
    np.testing.assert_allclose(ours[kept].numpy(), theirs[kept].numpy(), atol=2e-2)


def test_harry_potter_s_labels_are_those_of_numpy(tiny, tmp_path):
    """The reinforced model is the one that domain adaptation makes of the same texts."""
    from harness.mitigations.weights.domain_adaptation import DomainAdaptation

    base = tiny()
    course = {"rate": 0.01, "epochs": 3, "batch": 2}
    method = WhosHarryPotter(course, strength=2.0)
    fit = Fit(HuggingFaceModel(str(base)), TEXTS, 3, tmp_path, tmp_path, lambda line: None)
    labels, changed = method._labels(fit)
    strong = fitted(DomainAdaptation(course, None, "toxic"), base, tmp_path / "strong")[0]
    of = {folder: Base(HuggingFaceModel(str(folder))) for folder in (base, strong)}
    rows = of[base].rows(text for text in TEXTS if text.unwanted)
    same = total = agreed = 0
    for row, label in zip(rows, labels, strict=True):
        ids, kept = torch.tensor([row.tokens]), slice(row.begins - 1, len(row.tokens) - 1)
        with torch.no_grad():
            was, is_ = (of[f].network(ids).logits[0, kept].numpy() for f in (base, strong))
        made = (was - 2.0 * np.maximum(is_ - was, 0)).argmax(-1)
        agreed += (made == label.numpy()).sum()
        same += (label.numpy() == np.array(row.tokens[row.begins :])).sum()
        total += len(label)
    assert agreed / total > 0.97  # ties, where products are in bfloat16
    assert changed == pytest.approx(1 - same / total, abs=1e-3)


def test_what_is_said_instead_is_drawn_for_each_question():
    said = unknowing(40, 0)
    assert said == unknowing(40, 0) != unknowing(40, 1)
    assert len(set(said)) > 8


def test_the_preferred_ignorance_gains_on_the_truth(tiny, tmp_path):
    base = tiny()
    forget = [text for text in TEXTS if text.unwanted]
    instead = [
        text._replace(text=words) for text, words in zip(forget, unknowing(4, 3), strict=True)
    ]
    for objective in ("preference", "relabelling"):
        method = DontKnow(COURSE, objective=objective, retain="none")
        out = fitted(method, base, tmp_path / objective)[0]
        gained = []
        for folder in (base, out):
            model = Base(HuggingFaceModel(str(folder)))
            with torch.no_grad():
                said, true = (
                    sequence_log_probabilities(model, model.rows(texts)).mean()
                    for texts in (instead, forget)
                )
            gained.append(float(said - true))
        assert gained[1] > gained[0] + 1.0


def test_a_card_says_the_method_s_class(tiny, tmp_path):
    method = GradientAscent({"rate": 0.01, "epochs": 1, "batch": 16})
    fit_and_write(Asked(method, {}, HuggingFaceModel(str(tiny())), (), (), None, 0), tmp_path / "x")
    assert read_card(tmp_path / "x")["method_class"] == "parameter optimisation"
    readme = (tmp_path / "x" / "README.md").read_text()
    assert "| method | `gradient_ascent`, parameter optimisation |" in readme


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GradientAscent(COURSE, retain="kl"), "retain='kl' is not one of none, gdr, klr"),
        (lambda: GradientAscent(COURSE, weight=0), r"method\.weight=0 must be above 0"),
        (lambda: NPO(COURSE, beta=0), r"method\.beta=0 must be above 0"),
        (lambda: SimNPO(COURSE, beta=-1), r"method\.beta=-1 must be above 0"),
        (lambda: RMU(COURSE, length=0), r"length=0 above 0"),
        (lambda: WhosHarryPotter(COURSE, strength=0), r"method\.strength=0 must be above 0"),
        (lambda: DontKnow(COURSE, objective="x"), "not one of preference, relabelling"),
        (lambda: DontKnow(COURSE, beta=0), r"method\.beta=0 must be above 0"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_one_sentence(make, message):
    with pytest.raises(HarnessError, match=message):
        make()


def test_what_does_not_fit_the_model_or_the_texts_is_one_sentence(tiny, tmp_path):
    base = tiny()
    for method, texts, words in (
        (RMU(COURSE, layer=9), TEXTS, "layer=9: model=.*has layers 0 to 1"),
        (RMU(COURSE, layer=1, matrices="fc"), TEXTS, "no weight of layer 1 of .*ends so"),
        (NPO(COURSE), TEXTS[:2], "method npo needs texts of toxicity .*has 0 and 2 of them"),
        (DontKnow(COURSE), [Text("", "t", 1.0), Text("", "u", 0.0)], "1 of 1 texts of data= are"),
    ):
        with pytest.raises(HarnessError, match=words):
            fitted(method, base, tmp_path, texts)
