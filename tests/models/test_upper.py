"""The last layers trained alone: losses and gradients against the whole model's."""

import pytest
import torch

from harness.mitigations.fitting import losses, upper
from harness.mitigations.fitting.base import Base
from harness.mitigations.fitting.losses import text_loss
from harness.mitigations.fitting.method import Fit
from harness.mitigations.fitting.texts import Text
from harness.mitigations.fitting.upper import Upper
from harness.mitigations.weights.domain_adaptation import DomainAdaptation
from harness.models.hf.model import HuggingFaceModel
from harness.types import HarnessError

COURSE = {"rate": 0.05, "epochs": 1, "batch": 2}
BEGUN = "Of all the days of the week that he knew it was the day"
TEXTS = [Text(BEGUN, f" he {done}.", 0.0) for done in ("smiled", "ran off", "was fine and well")]
TEXTS += [Text("", "Good morning to you.", 0.0), Text("The day", " was fine.", 0.0)]


def begun(folder, texts=TEXTS):
    """The base, its rows, and the fit that they are read for."""
    model = HuggingFaceModel(str(folder))
    base = Base(model)
    return base, base.rows(texts), Fit(model, texts, 0, folder, folder, lambda line: None)


def test_texts_that_begin_alike_share_that_and_give_the_whole_model_s_loss_and_gradient(
    tiny, monkeypatch
):
    folder = tiny()
    whole, rows, _ = begun(folder)
    sum(text_loss(whole, rows)).backward()
    base, rows, fit = begun(folder)
    monkeypatch.setattr(upper, "PACK_TOKENS", 40)  # several packs, so that parts are summed
    alone = Upper(base, rows, 1)
    alone.read(fit)
    held = sum(len(states) for states in alone._states.values())
    assert held < sum(len(row.tokens) for row in rows) - len(BEGUN.split())
    parts = list(alone.loss(range(len(rows))))
    assert len(parts) > 1
    sum(parts).backward()
    wanted = float(sum(text_loss(whole, rows)).detach())
    assert float(sum(parts).detach()) == pytest.approx(wanted, abs=1e-2)
    theirs = dict(whole.network.named_parameters())
    trained = {n: p for n, p in base.network.named_parameters() if p.requires_grad}
    assert trained
    for name, weight in trained.items():
        torch.testing.assert_close(weight.grad, theirs[name].grad, atol=2e-3, rtol=5e-2)


def test_the_rounding_of_wide_logits_is_no_fault(random_weights, monkeypatch):
    """They round to some tenths in bfloat16, in which a processor that has it computes losses."""
    monkeypatch.setattr(losses, "fast_halves", lambda base: True)
    base, rows, fit = begun(random_weights())
    Upper(base, rows, 1).read(fit)


def test_no_weight_but_those_of_the_last_layers_is_trained(tiny, tmp_path):
    folder, out, rest = tiny(), tmp_path / "out", tmp_path / "kept"
    out.mkdir()
    rest.mkdir()
    model = HuggingFaceModel(str(folder))
    DomainAdaptation(COURSE, toward="all", layers=1).fit(
        Fit(model, TEXTS, 0, out, rest, lambda line: None)
    )
    before, after = (
        dict(HuggingFaceModel(str(of)).read("float32")[1].named_parameters())
        for of in (folder, out)
    )
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    last = f"model.layers.{model.read('float32')[1].config.num_hidden_layers - 1}."
    assert moved
    assert all(name.startswith(last) for name in moved)


@pytest.mark.parametrize("layers", [0, 99])
def test_as_many_layers_as_there_are_cannot_be_trained_alone(tiny, layers):
    base, rows, _ = begun(tiny())
    with pytest.raises(HarnessError, match=f"method.layers={layers}: of the .* null trains all"):
        Upper(base, rows, layers)


def test_layers_and_an_adapter_exclude_each_other():
    with pytest.raises(HarnessError, match=r"method.layers=2 .* give null for one of them"):
        DomainAdaptation(COURSE, {"r": 2}, layers=2)


def test_layers_that_give_other_logits_by_themselves_are_refused(tiny, monkeypatch):
    base, rows, fit = begun(tiny())
    alone = Upper(base, rows, 1)
    last = alone._trained[0]
    forward = last.forward

    def otherwise(states, **given):
        """As a layer does that looks at where the states came from."""
        made = forward(states, **given)
        return made + 1.0 if len(alone.base.network.get_decoder().layers) == 1 else made

    monkeypatch.setattr(last, "forward", otherwise)
    with pytest.raises(HarnessError, match="give null, which trains all weights"):
        alone.read(fit)
