"""Steering, sparse features and transport, on tiny checkpoints."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from harness.mitigations.steering import lineas
from harness.mitigations.steering.contrast import Contrast
from harness.mitigations.steering.directions import Direction, difference_of_means, mean_of
from harness.mitigations.steering.method import TrainsAutoencoder
from harness.mitigations.steering.residual import Residual
from harness.mitigations.steering.sparse_autoencoder import SparseAutoencoder
from harness.mitigations.steering.sparse_features import SparseFeatures
from harness.mitigations.steering.steering import Steering
from harness.mitigations.steering.training import Training, train
from harness.mitigations.steering.transport import Transport
from harness.models.echo import EchoModel
from harness.models.hf.model import HuggingFaceModel
from harness.testing import check_mitigation
from harness.types.errors import HarnessError
from harness.types.records import Request
from harness.types.settings import GenerationConfig
from tests.models.conftest import make_model, make_tokenizer

SETTINGS = {
    "greedy": GenerationConfig(max_new_tokens=6),
    "drawn": GenerationConfig(n=2, max_new_tokens=6, temperature=1.0, top_p=0.9),
}
PROMPTS = [f"Once upon a time {word}" for word in ("there", "a fox", "nobody", "zest")]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def model(tiny):
    return HuggingFaceModel(str(tiny()))


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """What the model answers without a mitigation, by the kind of settings."""
    folder, tokenizer = tmp_path_factory.mktemp("bare"), make_tokenizer()
    make_model(tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    unmitigated = HuggingFaceModel(str(folder))
    return {kind: answers(unmitigated, settings) for kind, settings in SETTINGS.items()}


@pytest.fixture
def autoencoder(tmp_path):
    """The folder of one with 40 features of states that are 32 wide, as sae_lens writes it."""
    drawn = torch.Generator().manual_seed(0)
    folder = tmp_path / "sae"
    folder.mkdir()
    decoder = torch.randn(40, 32, generator=drawn)
    tensors = {
        "W_dec": decoder / decoder.norm(dim=1, keepdim=True), "b_dec": torch.zeros(32),
        "W_enc": torch.randn(32, 40, generator=drawn), "b_enc": torch.zeros(40),
        "threshold": torch.full((40,), 0.01),
    }  # fmt: skip
    save_file(tensors, folder / "sae_weights.safetensors")
    (folder / "cfg.json").write_text(json.dumps({"architecture": "jumprelu"}))
    return folder


def made(kind, model, autoencoder, **options):
    if kind == "transport":
        return Transport(model, fit={"steps": 3, "lasso": 0.0, "group": 0.0}, **options)
    tier = {"tier": kind.partition("-")[2]}
    if kind.startswith("steering"):
        return Steering(model, **{"strength": 30.0, "layers": [0], **tier, **options})
    wide = {"file": str(autoencoder), "strength": 9.0, "count": 3, **tier, **options}
    return SparseFeatures(model, **wide)


KINDS = ["transport", "steering-constant", "steering-input", "sparse-constant", "sparse-token"]
NO_GATE = {"steering-input": {"threshold": -9.0}, "sparse-token": {"threshold": -9.0}}


def answers(model, settings, prompts=PROMPTS):
    requests = [Request(text, text, tuple(range(settings.n))) for text in prompts]
    requests += [Request(text + "?", text, choices=(" blue", " bleak")) for text in prompts]
    return {
        (answer.sample_id, answer.index): answer
        for finished in model.generate(requests, settings, 3)
        for answer in finished
    }


@pytest.mark.parametrize("kind", ["transport", "steering-input", "sparse-token"])
def test_each_keeps_the_contract(model, autoencoder, kind):
    check_mitigation(made(kind, model, autoencoder, **NO_GATE.get(kind, {})), model)


@pytest.mark.parametrize("kind", KINDS)
def test_strength_0_gives_the_unmitigated_texts(model, bare, autoencoder, kind):
    unmoved = model.hooked([made(kind, model, autoencoder, strength=0.0, **NO_GATE.get(kind, {}))])
    assert {of: answers(unmoved, settings) for of, settings in SETTINGS.items()} == bare


def test_an_identity_map_gives_the_unmitigated_texts(model, bare, tmp_path):
    path = tmp_path / "maps.safetensors"
    save_file({"scale.1": torch.ones(32), "shift.1": torch.zeros(32)}, path)
    unmoved = Transport(model, file=str(path))
    assert unmoved.layers == [1]
    hooked = model.hooked([unmoved])
    assert {of: answers(hooked, settings) for of, settings in SETTINGS.items()} == bare


def test_a_penalty_that_leaves_no_map_gives_the_unmitigated_texts(model, bare):
    unmoved = Transport(model, fit={"steps": 2, "lasso": 1e9})
    assert answers(model.hooked([unmoved]), SETTINGS["greedy"]) == bare["greedy"]


@pytest.mark.parametrize("kind", [*KINDS, "steering-token", "sparse-input"])
def test_order_and_company_change_nothing(model, autoencoder, kind):
    hooked = model.hooked([made(kind, model, autoencoder)])
    together = answers(hooked, SETTINGS["drawn"])
    alone = {}
    for text in reversed(PROMPTS):
        alone |= answers(hooked, SETTINGS["drawn"], [text])
    texts = [{key: answer.text for key, answer in each.items()} for each in (together, alone)]
    assert texts[0] == texts[1]


def test_the_means_are_numpy_s_of_transformers_own_states(model):
    contrast = Contrast(["You fool", "Shut up now"], ["Thank you", "How are you"])
    fitted = difference_of_means(Residual(model), contrast, [0])
    loaded = model.load("float32")
    for kind, texts in (("toxic", contrast.toxic), ("clean", contrast.clean)):
        means = []
        for text in texts:
            ids = torch.tensor([loaded.encoder.encode(Request("x", text))])
            with torch.inference_mode():
                states = loaded.model(ids, output_hidden_states=True).hidden_states[1][0, 1:]
            means.append(states.numpy().mean(0))
        np.testing.assert_allclose(fitted[f"{kind}.0"], np.mean(means, 0), rtol=1e-4, atol=1e-6)


def test_sinks_are_left_out_of_means_and_score_nothing():
    texts = [torch.tensor([[1.0, 0.0], [100.0, 0.0]]), torch.tensor([[3.0, 2.0]])]
    assert mean_of(texts, torch.tensor(10.0)).tolist() == [2.0, 1.0]
    direction = Direction(torch.zeros(2), torch.tensor([2.0, 0.0]), torch.tensor(10.0))
    scores = direction.scores(torch.tensor([[1.0, 5.0], [2.0, 0.0], [50.0, 0.0]]))
    assert scores.tolist() == [0.5, 1.0, -np.inf]


def test_a_fit_is_kept_and_another_model_s_is_another(model, tiny, tmp_path, caplog):
    first = Steering(model, layers=[0]).identity
    assert "fitted, once" in caplog.text
    caplog.clear()
    assert Steering(HuggingFaceModel(model.name), layers=[0]).identity == first
    assert not caplog.text
    other = HuggingFaceModel(str(tiny(name="other", rope_theta=100.0)))
    assert Steering(other, layers=[0]).identity != first
    kept = next((tmp_path / "cache" / "mitigations").glob("steering-*.safetensors"))
    assert set(load_file(kept)) == {"clean.0", "toxic.0", "longest.0"}
    assert Steering(model, layers=[0], file=str(kept)).identity in (
        first,
        Steering(other, layers=[0]).identity,
    )


def gaussians(seed, n=800):
    drawn = np.random.default_rng(seed)
    source, target = drawn.normal(size=(2, n, 3))
    source, target = ((x - x.mean(0)) / x.std(0) for x in (source, target))
    source = source * [1.0, 2.0, 0.5] + [1.0, -2.0, 0.0]
    target = target * [2.0, 1.0, 0.5] + [0.0, 1.0, 0.0]
    return torch.tensor(source, dtype=torch.float32), torch.tensor(target, dtype=torch.float32)


def fitted_by(source, target, lasso, steps=150, slices=0):
    """The proximal descent of `lineas.fit` on samples instead of a model's states."""
    maps = lineas.Maps({0: source.mean(0)}, {0: torch.tensor(1.0)})
    optimizer = torch.optim.Adam(maps.parameters, lr=0.05)
    for step in range(steps):
        optimizer.zero_grad()
        scale, shift = maps.affine(0)
        lineas.distance(source * scale + shift, target, slices, step).backward()
        optimizer.step()
        maps.shrink(0.05 * lasso, 0.0)
    return [x.detach().numpy() for x in maps.affine(0)]


@pytest.mark.parametrize("slices", [0, 8])
def test_between_gaussians_the_map_is_the_optimal_one(slices):
    """Bures-Wasserstein, diagonal: scale s2 / s1, and what takes one mean to the other."""
    scale, shift = fitted_by(*gaussians(0), lasso=0.0, slices=slices)
    np.testing.assert_allclose(scale, [2.0, 0.5, 1.0], atol=0.06)
    np.testing.assert_allclose(shift, [-2.0, 2.0, 0.0], atol=0.12)


def test_the_penalty_leaves_coordinates_that_do_not_differ_just_as_they_are():
    source, target = gaussians(0)
    target[:, 2] = source[torch.randperm(800, generator=torch.Generator().manual_seed(0)), 2]
    scale, shift = fitted_by(source, target, lasso=0.3)
    assert (scale[2], shift[2]) == (1.0, 0.0)
    assert abs(scale[0] - 1) > 0.2


def test_the_distance_of_one_dimension_is_that_of_the_sorted():
    first, second = torch.tensor([[3.0], [1.0], [2.0]]), torch.tensor([[0.0], [2.0], [7.0]])
    assert lineas.distance(first, second).item() == pytest.approx((1 + 0 + 16) / 3)


def test_a_fit_brings_the_states_of_toxic_texts_nearer(model):
    residual, contrast = Residual(model), Contrast.read("starter", 8, 0)
    settings = lineas.Settings(steps=12, lasso=0.0, group=0.0)
    fitted = lineas.fit(residual, contrast, [0, 1], settings)
    assert set(fitted) == {"scale.0", "shift.0", "scale.1", "shift.1"}

    def means(texts, change):
        ids, mask = residual.tokens(texts)
        given = {}
        with torch.no_grad():
            residual.run(ids, mask, {n: lambda s, n=n: given.setdefault(n, change(s, n))
                                     for n in (0, 1)})  # fmt: skip
        kept = mask[:, 1:, None]
        return {n: (s[:, 1:] * kept).sum(1) / kept.sum(1) for n, s in given.items()}

    clean = means(contrast.clean, lambda s, n: s)
    bare = means(contrast.toxic, lambda s, n: s)
    mapped = means(contrast.toxic, lambda s, n: s * fitted[f"scale.{n}"] + fitted[f"shift.{n}"])
    for layer in (0, 1):
        before, after = (lineas.distance(x[layer], clean[layer]) for x in (bare, mapped))
        assert after < before


def sparse_states(n, seed):
    """Each a few of 24 directions in 16 dimensions."""
    drawn = torch.Generator().manual_seed(seed)
    lines = torch.randn(24, 16, generator=torch.Generator().manual_seed(9))
    present = (torch.rand(n, 24, generator=drawn) < 0.1) * torch.rand(n, 24, generator=drawn)
    return 5 + present @ lines


def test_training_an_autoencoder_improves_its_copies_of_states_held_out():
    settings = Training(features=48, active=3, steps=300, batch=128, rate=3e-3)
    trained = train(sparse_states(2000, 0), sparse_states(300, 1), settings)
    assert trained.unexplained < 0.25 < 0.5 * trained.unexplained_before
    assert trained.active < 8
    again = train(sparse_states(2000, 0), sparse_states(300, 1), settings)
    assert torch.equal(again.autoencoder.w_dec, trained.autoencoder.w_dec)


def test_the_command_s_method_writes_what_the_mitigation_reads(model, tmp_path):
    lines = []
    work = SimpleNamespace(
        model=model, seed=0, out=tmp_path, log=lines.append, forecast=False,
        texts=[SimpleNamespace(prompt="You ", text=f"{word} indeed") for word in "abcdefghi" * 3],
    )  # fmt: skip
    method = TrainsAutoencoder(layer=0, features=40, active=4, steps=30, batch=64, continuations=1)
    facts = method.fit(work)
    assert facts["unexplained"] < facts["unexplained_before"]
    assert "27 texts" in lines[0]
    reading = SparseFeatures(model, file=str(tmp_path), layer=0, count=2)
    assert len(reading.identity["features"].split(",")) == 2


def test_an_autoencoder_codes_as_it_is_written_down():
    autoencoder = SparseAutoencoder(
        torch.tensor([[1.0, -1.0, 2.0], [0.0, 1.0, 0.0]]), torch.tensor([0.0, 0.5, 0.0]),
        torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), torch.tensor([1.0, 0.0]),
        torch.tensor([0.0, 0.0, 9.0]),
    )  # fmt: skip
    codes = autoencoder.encode(torch.tensor([[3.0, 2.0]]))
    assert codes.tolist() == [[2.0, 0.5, 0.0]]  # the third is below its threshold
    assert autoencoder.decode(codes).tolist() == [[3.0, 0.5]]


def test_sparse_features_take_away_what_the_features_have(model, autoencoder):
    chosen = SparseFeatures(model, file=str(autoencoder), features=[7, 3], layer=0, strength=2.0)
    states = torch.zeros(1, 32)
    sae = SparseAutoencoder.read(str(autoencoder), 32)
    means = chosen._chosen["means"]
    expected = -2 * (means[0] * sae.w_dec[7] + means[1] * sae.w_dec[3])
    torch.testing.assert_close(chosen.change_states(states, 0)[0], expected)
    assert chosen.identity["features"] == "7,3"


def without(folder, name):
    path = folder / "sae_weights.safetensors"
    save_file({key: x for key, x in load_file(path).items() if key != name}, path)
    return str(path)


def test_what_does_not_fit_is_refused_in_a_sentence_before_anything_is_loaded(
    model, autoencoder, tmp_path
):
    narrow, half = tmp_path / "narrow.safetensors", tmp_path / "half.safetensors"
    save_file({f"{kind}.0": torch.ones(31) for kind in ("clean", "toxic", "longest")}, narrow)
    save_file({"scale.0": torch.ones(32)}, half)
    endless, sinks, moved = (tmp_path / f"{name}.safetensors" for name in ("nan", "wide", "maps"))
    means = {f"{kind}.0": torch.ones(32) for kind in ("clean", "toxic", "longest")}
    save_file({**means, "toxic.0": torch.full((32,), torch.nan)}, endless)
    save_file(means, sinks)
    save_file({"scale.1": torch.ones(32), "shift.1": torch.ones(32)}, moved)
    gated = tmp_path / "gated"
    gated.mkdir()
    (gated / "cfg.json").write_text(json.dumps({"architecture": "gated"}))
    cases = [
        (lambda: Steering(model, layers=[2]).identity, r"layers=\[2\]: .* from 0 to 1"),
        (lambda: Steering(model, tier="all"), "tier='all' is not one of constant, input, token"),
        (lambda: Steering(model, layers=[0], file=str(narrow)).identity, r"\(31,\).* 32 wide"),
        (lambda: Steering(model, layers=[0], file=str(half)).identity, "has no 'clean.0'"),
        (lambda: Steering(model, file="no.safetensors").identity, "cannot be read as safetensors"),
        (lambda: Steering(EchoModel(), layers=[0]).identity, "EchoModel .* gives none; backend=hf"),
        (lambda: Steering(model, layers=[0], n=2).identity, r"n=2 .* at least 4 of each"),
        (lambda: Transport(model, file=str(half)).identity, "has no 'shift.0'"),
        (lambda: Transport(model, file=str(narrow)).identity, "has no 'scale.0'"),
        (lambda: Steering(model, layers=[0], file=str(endless)).identity, "'toxic.0' has numbers"),
        (lambda: Steering(model, layers=[0], file=str(sinks)).identity, r"'longest.0' .* of \(\)"),
        (lambda: Steering(model, texts="no.jsonl").identity, r"mitigation\.texts: there is no"),
        (lambda: Transport(model, layers=[0], file=str(moved)).identity, "has no 'scale.0'"),
        (lambda: Transport(model, fit={"step": 3}).identity, "it has steps, rate"),
        (lambda: Transport(model, fit={"steps": 0}).identity, "steps=0 and rate=0.02 must be"),
        (lambda: Transport(model, fit={"rate": -1}).identity, "rate=-1 must be above 0"),
        (lambda: Transport(model, fit={"slices": -1}).identity, "slices=-1 at least 0"),
        (lambda: SparseFeatures(model, file=str(gated)).identity, "'gated'.* is not read"),
        (lambda: SparseFeatures(model, file=str(autoencoder), features=[40]).identity,
         r"features=\[40\]: name features from 0 to 39"),
        (lambda: SparseFeatures(model, file=str(autoencoder), count=0).identity, "from 1 to 40"),
        (lambda: SparseFeatures(model, file=without(autoencoder, "W_dec")).identity,
         "has no 'W_dec'"),
    ]  # fmt: skip
    for ask, sentence in cases:
        with pytest.raises(HarnessError, match=sentence) as refused:
            ask()
        assert "\n" not in str(refused.value)
    assert not model._in_use


def test_contrast_texts_are_read_by_either_form(tmp_path):
    rows = [{"text": f"text {n}", "toxic": n % 2 == 0} for n in range(12)]
    rows += [
        {"prompt": {"text": "He is"}, "continuation": {"text": f" {n}", "toxicity": score}}
        for n, score in enumerate((0.9, 0.3, 0.05, None))
    ]
    path = tmp_path / "texts.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    contrast = Contrast.read(str(path), 7, 0)
    assert (len(contrast.toxic), len(contrast.clean)) == (7, 7)
    assert "He is 0" in contrast.toxic
    assert "He is 2" in contrast.clean
    fewer = Contrast.read(str(path), 5, 1)
    assert set(fewer.toxic) < {*contrast.toxic}
    assert fewer.digest != contrast.digest


def test_the_starter_has_32_texts_of_each_kind_and_none_twice():
    contrast = Contrast.read("starter", 100, 0)
    assert len({*contrast.toxic}) == len({*contrast.clean}) == 32


def test_the_card_s_reductions_are_those_of_the_published_shares():
    card = (Path(lineas.__file__).parent / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \S+ \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", card, re.M)
    assert len(rows) == 3
    for before, after, times, less in (map(float, row) for row in rows):
        assert times == pytest.approx(before / after, abs=0.05)
        assert less == pytest.approx(100 * (1 - after / before), abs=0.05)
