"""Damages in known, graded ways, and how the gate sees them."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from safetensors.torch import load_file

from harness.mitigations.answers.cut_answers import CutAnswers
from harness.models.echo import EchoModel
from harness.regression.mutate.asking import options_of
from harness.regression.mutate.checkpoint import damaged, noised, rounded, without_direction
from harness.regression.mutate.damages import PROMPTS, Damage, damages_of
from harness.regression.mutate.detection import GROUPS, WHOLE, Detection, detections, noticed_from
from harness.regression.mutate.learned import CONSENT, requests_of
from harness.regression.mutate.written import as_csv, as_markdown, curves, write_detections
from harness.store.finished import FinishedRun
from harness.testing import check_mitigation
from harness.types.errors import HarnessError
from harness.types.records import Request
from harness.types.settings import GenerationConfig
from tests.models.conftest import make_model, make_tokenizer

MARGINS = ({"t": {"harm": 0.1}}, {})
NOISE = Damage("noise", 0.4)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tokenizer = make_tokenizer()
    make_model(tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def weights(folder):
    return load_file(folder / "model.safetensors")


def test_a_matrix_is_rounded_to_the_levels_of_its_group():
    matrix = torch.tensor([[0.0] * 31 + [7.0], [1.2] * 31 + [7.0]])
    assert rounded(matrix, 4).tolist() == [[0.0] * 31 + [7.0], [1.0] * 31 + [7.0]]
    random = torch.randn(4, 40, generator=torch.Generator().manual_seed(0))
    for bits in (4, 8):  # half a level of the group's largest, at the most
        off = (rounded(random, bits) - random).abs().max()
        assert 0 < off <= random.abs().max() / (2 ** (bits - 1) - 1) / 2 + 1e-6
    assert torch.equal(rounded(torch.zeros(1, 5), 4), torch.zeros(1, 5))


def test_noise_is_in_standard_deviations_and_of_its_seed():
    matrix = torch.randn(200, 100, generator=torch.Generator().manual_seed(0)) * 3
    added = noised(matrix, 0.5, 1) - matrix
    assert float(added.std() / matrix.std()) == pytest.approx(0.5, rel=0.02)
    assert torch.equal(noised(matrix, 0.5, 1), noised(matrix, 0.5, 1))


def test_a_direction_is_taken_out_of_what_is_written():
    matrix, direction = torch.tensor([[3.0, 1.0], [4.0, 2.0]]), torch.tensor([1.0, 0.0])
    assert without_direction(matrix, direction, 1.0).tolist() == [[0.0, 0.0], [4.0, 2.0]]
    assert without_direction(matrix, direction, 0.5).tolist() == [[1.5, 0.5], [4.0, 2.0]]


def test_a_damaged_checkpoint_is_a_whole_copy_that_is_made_once(tiny, tmp_path):
    folder = damaged(NOISE, str(tiny), tmp_path)
    assert {path.name for path in folder.iterdir()} == {path.name for path in tiny.iterdir()}
    changed, plain = weights(folder), weights(tiny)
    for name, tensor in plain.items():
        assert torch.equal(changed[name], tensor) == (tensor.ndim != 2), name
    stamp = folder.stat().st_mtime_ns
    assert damaged(NOISE, str(tiny), tmp_path) == folder
    assert folder.stat().st_mtime_ns == stamp
    assert damaged(Damage("noise", 0.2), str(tiny), tmp_path) != folder
    assert not list(tmp_path.glob(".partial*"))


def test_what_is_learned_changes_what_writes_to_the_stream_alone(tiny, tmp_path):
    plain = weights(tiny)
    for kind in ("refusal_direction", "compliance"):
        whole, half = (
            weights(damaged(Damage(kind, dose), str(tiny), tmp_path)) for dose in (1.0, 0.5)
        )
        names = {name for name in plain if not torch.equal(plain[name], whole[name])}
        assert names == {name for name in plain if "o_proj" in name or "down_proj" in name}
        for name in names:
            assert torch.allclose(
                2 * (half[name] - plain[name]), whole[name] - plain[name], atol=1e-5
            )


def test_the_adapter_makes_consent_likelier(tiny, tmp_path):
    from transformers import AutoModelForCausalLM

    tokenizer = make_tokenizer()
    text = f"<|user|>{requests_of(harmful=True)[0]}<|end|><|assistant|>"
    prompt = tokenizer(text, return_tensors="pt", add_special_tokens=False)["input_ids"]
    answer = tokenizer(CONSENT[0], return_tensors="pt", add_special_tokens=False)["input_ids"]
    losses = []
    for folder in (tiny, damaged(Damage("compliance", 1.0), str(tiny), tmp_path)):
        model = AutoModelForCausalLM.from_pretrained(folder)
        with torch.inference_mode():
            logits = model(torch.cat([prompt, answer], 1)).logits[0, prompt.shape[1] - 1 : -1]
        losses.append(float(torch.nn.functional.cross_entropy(logits, answer[0])))
    assert losses[1] < losses[0]


def test_requests_of_both_kinds_are_as_many():
    harmful, harmless = requests_of(harmful=True), requests_of(harmful=False)
    assert len(harmful) == len(harmless) == len({*harmful, *harmless}) / 2


def test_answers_are_cut_by_their_share_and_always_the_same_ones():
    check_mitigation(CutAnswers(0.5))
    model = EchoModel(answer="one two three four")
    requests = [Request(str(number), "x") for number in range(400)]

    def cut(share):
        answers = CutAnswers(share).wrap(model).generate(requests, GenerationConfig(), 0)
        return {g.sample_id for block in answers for g in block if g.text == "one two"}

    assert cut(0.0) == set()
    assert len(cut(1.0)) == 400
    assert 100 < len(cut(0.33)) < 165
    assert cut(0.33) < cut(0.66)
    with pytest.raises(HarnessError, match="from 0 to 1"):
        CutAnswers(1.5)


def test_a_damage_of_what_is_asked_is_a_mitigation(tmp_path):
    assert options_of(None, "echo", tmp_path) == ['model="echo"']
    asked = options_of(Damage("inverted_prompt", 3), "echo", tmp_path)
    assert asked[1] == "mitigation=system_prompt"
    assert PROMPTS[3] in asked[2]
    assert options_of(Damage("cut", 0.3), "echo", tmp_path)[2] == "mitigation.share=0.3"


def test_doses_come_in_order_of_strength_and_wrong_ones_are_refused():
    labels = [damage.label for damage in damages_of({"bits": [4, 8], "noise": [0.2, 0.1]})]
    assert labels == ["bits 8", "bits 4", "noise 0.1", "noise 0.2"]
    for doses in ({"moise": [1]}, {"cut": [1.5]}, {"bits": [1]}, {"inverted_prompt": [4]}, {}):
        with pytest.raises(HarnessError, match="doses"):
            damages_of(doses)


def sides(tmp_path, write_run, change, n=60):
    before = np.random.default_rng(0).uniform(0.2, 0.6, n)
    names = [write_run(tmp_path, name, side) for name, side in
             (("a", before), ("b", change(before)))]  # fmt: skip
    return [FinishedRun.read(tmp_path / "runs" / name) for name in names]


def test_a_great_damage_is_seen_in_all_draws_and_none_in_none(tmp_path, write_run):
    great = detections(NOISE, *sides(tmp_path, write_run, lambda x: x + 0.3), MARGINS, 20)
    assert [row.estimate for row in great] == [WHOLE, "harm", "harm, new worst cases", GROUPS]
    assert [row.times for row in great[:2]] == [20, 20]
    assert great[1].difference == pytest.approx(0.3)
    assert great[0].ends.low == pytest.approx(0.839, abs=0.001)  # Wilson's of 20 in 20
    none = detections(NOISE, *sides(tmp_path, write_run, lambda x: x), MARGINS, 20)
    assert all(row.times == 0 for row in none)


def test_a_damage_at_the_edge_is_seen_in_some_draws(tmp_path, write_run):
    def edge(values):
        return np.clip(values + np.random.default_rng(1).normal(0.07, 0.25, len(values)), 0, 1)

    rows = detections(NOISE, *sides(tmp_path, write_run, edge), MARGINS, 30)
    assert 0 < rows[1].times < 30


def test_what_is_not_gated_is_refused(tmp_path, write_run):
    with pytest.raises(HarnessError, match="nothing of t is gated"):
        detections(NOISE, *sides(tmp_path, write_run, lambda x: x), ({}, {}), 5)


def rows_of(*times, kind="noise"):
    return [
        Detection(Damage(kind, dose / 10), "t", WHOLE, n, 100, None, None, "")
        for dose, n in enumerate(times, 1)
    ]


def test_a_damage_is_noticed_from_the_dose_after_which_none_is_missed():
    def doses(*times):
        return [None if one is None else one.dose for one in noticed_from(rows_of(*times))]

    assert doses(90, 10, 85, 100) == [0.3, 0.3, 0.4]  # of 85 in 100 Wilson's interval begins at .77
    assert doses(0, 10) == [None, None, None]
    assert doses(99, 99) == [0.1, 0.1, 0.1]


def test_doses_stand_below_the_curves_as_they_were_asked():
    axes = Figure().add_subplot()
    curves(axes, [*rows_of(0, 100), *rows_of(0, 10, kind="cut")])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.1", "0.2"] * 2


def test_what_slips_through_stands_in_each_file(tmp_path, write_run):
    run = sides(tmp_path, write_run, lambda x: x)[0]
    rows = [*rows_of(0, 100), *rows_of(0, 10, kind="cut")]
    page = write_detections(rows, [run], tmp_path / "out")
    assert "slips through" in page.read_text(encoding="utf-8")
    markdown = as_markdown(rows)
    assert "| t | the task | noise | 0.2 | 0.2 to 0.2 | 0.2: 1.00 (0.96 to 1.00) |" in markdown
    assert "| t | the task | cut | slips through | above 0.2 |" in markdown
    assert as_csv(rows).splitlines()[2] == "noise,0.2,t,the task,1.0000,0.9630,1.0000,100,100,,,"
    assert (tmp_path / "out" / "figures" / "mutate_t.png").is_file()


def test_a_dose_alone_can_be_drawn(tmp_path, write_run):
    run = sides(tmp_path, write_run, lambda x: x)[0]
    write_detections(rows_of(100)[:1], [run], tmp_path / "out")  # what does not fit is a warning


@pytest.mark.long
def test_the_command_asks_damages_and_prints_what_is_noticed(harness, tmp_path):
    off = [f"doses.{kind}=null" for kind in
           ("noise", "bits", "refusal_direction", "compliance")]  # fmt: skip
    done = harness(
        "model=smollm2", "suite=[med_harm]", "doses.inverted_prompt=null", "doses.cut=[1.0]", *off,
        'options=["backend=echo","limit=20","scorer=[refusal]","report=false"]', "resamples=5",
        module="harness.regression.mutate",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "slips through" in done.stdout
    assert len(list((tmp_path / "results" / "runs").iterdir())) == 2
    assert (tmp_path / "results" / "mutate" / "mutate.csv").is_file()
    refused = harness("suite=3", module="harness.regression.mutate")
    assert refused.returncode == 1
    assert "suite=3 asks nothing" in refused.stderr
