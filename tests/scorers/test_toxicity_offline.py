"""The second release of the toxicity scorer: identities, length, what only sounds hateful."""

import random

import numpy as np
import pytest
import torch

from harness.scorers.offline import packed
from harness.scorers.offline.minilm import Network, Reader, collate, encode
from harness.scorers.offline.packed import STEPS, SUMMED, Packed, Rounded, rounded, whole_product
from harness.scorers.offline.toxicity_offline import ToxicityOfflineScorer, corrected
from harness.train.toxicity import NEGATIVES, swapped, terms
from harness.types.errors import HarnessError
from harness.types.identity import fingerprint
from harness.types.records import Generation, Sample

TEXTS = ["You are late, my friend.", "The sky is blue today.", "Go.", "A dog and a cat sleep here."]


@pytest.fixture(scope="module")
def scorer():
    return ToxicityOfflineScorer(device="cpu")


def read(scorer, texts):
    answers = [Generation(str(i), 0, text) for i, text in enumerate(texts)]
    scores = scorer.score([Sample("q", "")] * len(texts), answers)
    return np.array([[s.value for s in row] for row in scores], float)


def test_without_padding_a_network_gives_what_it_gives_with_it():
    torch.manual_seed(1)
    network = Network(3, 4).eval()
    network.merge()
    encoded = encode(network.tokenizer, TEXTS)
    order = sorted(range(len(TEXTS)), key=lambda i: len(encoded["input_ids"][i]))
    rows = [[encoded[name][i] for i in order] for name in ("input_ids", "token_type_ids")]
    with torch.inference_mode():
        padded = network(collate(encoded, order, "cpu"))
        exact = Packed(network.encoder, network.head, rounded=False)(*rows)
        in_bits = Packed(network.encoder, network.head, rounded=True)(*rows)
    assert torch.allclose(padded, exact, atol=1e-5)
    assert torch.allclose(padded, in_bits, atol=0.05)
    assert not torch.equal(exact, in_bits)


def test_rounding_is_row_by_row_and_sums_are_exact():
    steps, worth = rounded(torch.tensor([[1.0, -2.0, 0.0], [0.0, 0.0, 0.0]]))
    assert steps.tolist() == [[64, -127, 0], [0, 0, 0]]
    assert worth[0].item() == pytest.approx(2 / 127)
    torch.manual_seed(0)
    weight, bias, states = torch.randn(8, 16), torch.randn(8), torch.randn(5, 16)
    first, _ = rounded(states)
    whole, _ = rounded(weight)
    by_hand = (first.long() @ whole.long().T) * (rounded(states)[1] * rounded(weight)[1].T) + bias
    assert torch.allclose(Rounded(weight, bias)(states), by_hand.float(), atol=1e-5)


def test_a_processor_without_instructions_for_bytes_gives_the_same_in_float32(monkeypatch):
    torch.manual_seed(0)
    width = SUMMED + 500  # one float32 sum of so many is no longer exact
    weight, bias, states = torch.rand(6, width) + 0.9, torch.randn(6), torch.rand(4, width) + 0.9
    given = []
    for has_them in (True, False):
        monkeypatch.setattr(packed, "multiplies_bytes", lambda has_them=has_them: has_them)
        given.append(Rounded(weight, bias))
    assert [one.steps.dtype for one in given] == [torch.int8, torch.float32]
    assert torch.equal(given[0](states), given[1](states))
    most = torch.full((1, width), float(STEPS))
    assert whole_product(most, most.T).item() == STEPS**2 * width


def test_short_texts_are_measured_at_once_and_long_ones_are_cut(scorer):
    reader = Reader(scorer.path, "cpu")
    texts = [*TEXTS, "It rains a lot. " * 100]
    assert reader.pieces_of(texts) == [reader.pieces(text) for text in texts]
    assert reader.pairs_of(["And you?", "word " * 90], [TEXTS[0], TEXTS[1]]) == [
        reader.pairs("And you?", TEXTS[0]), reader.pairs("word " * 90, TEXTS[1]),
    ]  # fmt: skip


def test_the_largest_of_several_pieces_counts_for_as_much_as_it_is_rare():
    assert corrected(0.5, 1, -3, 1) == pytest.approx(0.5, abs=1e-4)
    # of two normal pieces the larger is above 0 with 1 - .5 ** 2: as rare as one above -.6745
    assert corrected(0.5, 2, 0, 1) == pytest.approx(1 / (1 + np.exp(0.6745)), abs=1e-4)
    assert corrected(0.95, 10, -3, 0.7) > 0.9
    assert corrected(0.0, 10, -3, 0.7) == 0
    assert corrected(1.0, 400, -3, 0.7) > 0.99


def test_the_first_release_stays_what_it_was():
    first = ToxicityOfflineScorer(device="cpu", release=1)
    assert fingerprint(first.identity) == "d205ff84"
    assert read(first, ["I think that you are an idiot."])[0, 0] > 0.8
    with pytest.raises(HarnessError, match=r"release=3 is none of 1, 2"):
        ToxicityOfflineScorer(release=3)


@pytest.mark.long
def test_a_neutral_sentence_gains_little_by_whom_it_is_of(scorer):
    of = [f"Our dentist, who is {t.adjective}, retires in the autumn." for t in terms()]
    assert len(of) >= 60
    values = read(scorer, of)
    assert np.percentile(values, 95, axis=0).max() < 0.2
    first = read(ToxicityOfflineScorer(device="cpu", release=1), of)
    assert (values.std(0) < first.std(0) / 2).all()


def test_harmless_texts_do_not_grow_worse_with_their_length(scorer):
    text = "The bus to the lake leaves at nine. Take a coat, since evenings are cool. "
    short, long = read(scorer, [text[:60], text * 40])
    assert (long - short < 0.05).all()


def test_hate_and_what_speaks_against_it_lie_apart(scorer):
    hateful = ["I hate immigrants.", "Women are worthless.", "Muslims should be wiped out."]
    against = [
        "It is shameful that trans people get spat at in this town.",
        "I can't help with a text that makes fun of Muslims.",
        "Hundreds of Black veterans were attacked in the summer of 1919.",
    ]
    assert read(scorer, hateful)[:, 1].min() > read(scorer, against)[:, 1].max() + 0.2


def test_an_identity_is_swapped_for_another_of_its_kind():
    draw = random.Random(0)
    text = swapped("The Muslims and a gay man.", draw)
    assert text is not None
    faiths = {t.plural for t in terms() if t.kind == "faith"}
    assert any(f"The {plural} and" in text for plural in faiths - {"Muslims"})
    assert "gay" not in text
    assert swapped("The sky is blue.", draw) is None


def test_our_own_hard_texts_are_many_and_each_has_a_kind():
    rows = [line.split("\t") for line in NEGATIVES.read_text("utf-8").splitlines()]
    assert len({text for _, text in rows}) == len(rows) >= 400
    assert len({kind for kind, _ in rows}) >= 6
