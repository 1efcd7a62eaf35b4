"""What models and tokenizers in memory are: digests that are fast, and miss no change."""

import hashlib
import json

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from harness.models.hf import digests
from harness.models.hf.digests import CopiedTokenizer, digest_of_weights
from harness.types import fingerprint


class Weights(torch.nn.Module):
    """Two layers, the second of which may be tied to the first."""

    def __init__(self, tied=False):
        super().__init__()
        torch.manual_seed(0)
        self.a = torch.nn.Linear(7, 5, bias=False)
        self.b = torch.nn.Linear(7, 5, bias=False)
        self.b.weight = self.a.weight if tied else torch.nn.Parameter(self.a.weight.clone())


@pytest.fixture
def words():
    vocabulary = {word: number for number, word in enumerate(["<unk>", "a", "b", "c"])}
    cuts = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    cuts.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=cuts, unk_token="<unk>", chat_template="x")


@pytest.fixture
def read(monkeypatch):
    """Bytes of each piece that was read."""
    sizes, digest = [], digests._digest

    def watching(flat):
        sizes.append(flat.numel() * flat.element_size())
        return digest(flat)

    monkeypatch.setattr(digests, "_digest", watching)
    return sizes


def test_the_digest_is_of_names_dtypes_shapes_and_pieces(monkeypatch):
    monkeypatch.setattr(digests, "PIECE", 64)
    model = Weights().half()
    raw = model.a.weight.detach().numpy().tobytes()
    pieces = [hashlib.sha256(raw[at : at + 64]).hexdigest() for at in range(0, len(raw), 64)]
    said = [[name, "torch.float16", [5, 7], pieces] for name in ("a.weight", "b.weight")]
    assert len(pieces) == 2
    assert digest_of_weights(model) == hashlib.sha256(json.dumps(said).encode()).hexdigest()


def test_tied_weights_are_read_once_and_count_under_both_names(read):
    tied = digest_of_weights(Weights(tied=True))
    assert read == [140]
    assert digest_of_weights(Weights(tied=False)) == tied
    assert read == [140, 140, 140]


@pytest.mark.parametrize("piece", [16, 60, 140, 2**20])
def test_no_change_of_a_number_is_missed_in_any_piece(monkeypatch, piece):
    monkeypatch.setattr(digests, "PIECE", piece)
    model = Weights()
    seen = {digest_of_weights(model)}
    for at in range(35):
        with torch.no_grad():
            model.b.weight.view(-1)[at] += 1
        seen.add(digest_of_weights(model))
    assert len(seen) == 36


def test_numbers_count_as_they_are_read_and_not_as_they_lie(monkeypatch):
    monkeypatch.setattr(digests, "PIECE", 48)
    model, turned = Weights(), Weights()
    turned.b.weight = torch.nn.Parameter(turned.b.weight.detach().t().contiguous().t())
    assert not turned.b.weight.is_contiguous()
    assert digest_of_weights(turned) == digest_of_weights(model)
    turned.b.weight = torch.nn.Parameter(model.b.weight.detach().t())
    assert digest_of_weights(turned) != digest_of_weights(model)


def test_dtypes_and_numbers_of_no_or_one_element_count(read):
    model = Weights()
    first = digest_of_weights(model)
    model.register_buffer("step", torch.tensor(3))
    model.register_buffer("none", torch.zeros(0))
    assert len({first, digest_of_weights(model), digest_of_weights(model.bfloat16())}) == 3
    assert 0 in read


def test_a_copied_tokenizer_is_what_its_words_template_and_marks_are(words):
    told = {"template": "x", "special": words.special_tokens_map}
    expected = fingerprint({"words": words.get_vocab(), **told})
    copied = CopiedTokenizer(words)
    assert copied.fingerprint == CopiedTokenizer(words).fingerprint == expected
    copied.tokenizer.chat_template = "y"
    assert copied.fingerprint == fingerprint({"words": words.get_vocab(), **told, "template": "y"})
    assert words.chat_template == "x"
    assert CopiedTokenizer(words).fingerprint == expected


def test_a_tokenizer_that_was_changed_since_is_another(words):
    before = CopiedTokenizer(words)
    words.add_tokens(["d"])
    after = CopiedTokenizer(words)
    assert after.fingerprint != before.fingerprint
    assert after.tokenizer.convert_ids_to_tokens(after.tokenizer("d")["input_ids"]) == ["d"]
    assert before.tokenizer.convert_ids_to_tokens(before.tokenizer("d")["input_ids"]) == ["<unk>"]
    words.backend_tokenizer.pre_tokenizer = pre_tokenizers.CharDelimiterSplit("-")
    assert CopiedTokenizer(words).tokenizer("a-b")["input_ids"] == [1, 2]
    assert after.tokenizer("a-b")["input_ids"] == [1, 0, 2]


def test_the_copy_leaves_what_the_caller_has_set(words):
    words("a b c", truncation=True, max_length=2)
    words.backend_tokenizer.enable_padding(length=9)
    held = words.backend_tokenizer.truncation, words.backend_tokenizer.padding
    copied = CopiedTokenizer(words).tokenizer
    assert copied("a b c")["input_ids"] == [1, 2, 3]
    assert (words.backend_tokenizer.truncation, words.backend_tokenizer.padding) == held


def test_what_cuts_texts_is_copied_once(words):
    first, second = CopiedTokenizer(words).tokenizer, CopiedTokenizer(words).tokenizer
    assert first is not second
    assert first.backend_tokenizer is second.backend_tokenizer
    assert first.backend_tokenizer is not words.backend_tokenizer
    for number in range(digests.KEPT + 1):
        words.add_tokens([f"word{number}"])
        assert CopiedTokenizer(words).fingerprint
    assert len(digests._backends) == len(digests._spoken) == digests.KEPT
