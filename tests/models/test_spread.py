"""Models over several places: what goes where, what is refused, and that answers stay the same."""

import json
from itertools import pairwise
from math import inf

import pytest
import torch
from accelerate import cpu_offload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import AutoModelForCausalLM, AutoTokenizer

from harness.models.hf.engine import generate
from harness.models.hf.held import HeldModel
from harness.models.hf.loaded import LoadedModel
from harness.models.hf.model import HuggingFaceModel
from harness.models.hf.places import (
    Block,
    Place,
    by_place,
    parse_devices,
    parse_memory,
    refuse_missing,
    spread,
)
from harness.models.hf.prefixes import Leaf, Segment
from harness.models.hf.slots import Slots
from harness.models.hf.spreading import blocks_of, device_of, map_of
from harness.types import GenerationConfig, HarnessError, Message, Request

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")

GB = 10**9
LAYERS = [
    Block("embed", 2 * GB), *(Block(f"layers.{n}", GB) for n in range(10)),
    Block("norm", 10), Block("rotary", 0), Block("head", 0, "embed"),
]  # fmt: skip
"""12 GB."""


def runs(placed):
    """The places in order, each with its blocks that have weights of their own."""
    return {
        place: [n for n, at in placed.items() if at == place and n not in ("rotary", "head")]
        for place in dict.fromkeys(placed.values())
    }  # fmt: skip


def test_two_like_cards_hold_a_half_each_in_the_model_s_order():
    placed = spread(LAYERS, [Place("cuda:0", 40 * GB), Place("cuda:1", 40 * GB)], "big")
    assert by_place(LAYERS, placed) == {"cuda:0": 6 * GB, "cuda:1": 6 * GB + 10}
    assert runs(placed)["cuda:0"] == ["embed", *(f"layers.{n}" for n in range(4))]
    assert (placed["rotary"], placed["head"]) == (
        "cuda:0",
        "cuda:0",
    )  # tied, and where the input is


def test_unequal_cards_hold_by_what_they_have_room_for():
    placed = spread(LAYERS, [Place("cuda:0", 30 * GB), Place("cuda:1", 10 * GB)], "big")
    assert by_place(LAYERS, placed) == {"cuda:0": 9 * GB, "cuda:1": 3 * GB + 10}


def test_what_cards_do_not_hold_goes_to_memory_and_then_to_disk():
    places = [Place("cuda:0", 5 * GB), Place("cuda:1", 3 * GB), Place("cpu", 2 * GB)]
    placed = spread(LAYERS, [*places, Place("disk", inf)], "big")
    # The first card keeps room for one layer that is carried to it.
    assert by_place(LAYERS, placed) == {
        "cuda:0": 4 * GB, "cuda:1": 3 * GB, "cpu": 2 * GB, "disk": 3 * GB + 10,
    }  # fmt: skip
    with pytest.raises(HarnessError, match=r"12\.0 GB .* do not fit .*cpu 2\.0 GB\); add disk to"):
        spread(LAYERS, places, "big")
    with pytest.raises(HarnessError, match="add cpu or disk to backend"):
        spread(LAYERS, places[:2], "big")


def test_every_layer_has_a_place_whatever_the_rooms():
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        sizes = torch.randint(1, 9, (12,), generator=generator).tolist()
        blocks = [Block(str(n), size) for n, size in enumerate(sizes)]
        rooms = torch.randint(1, 40, (3,), generator=generator).tolist()
        places = [Place(f"cuda:{n}", room) for n, room in enumerate(rooms)]
        placed = spread(blocks, [*places, Place("disk", inf)], "m")
        order = [*(place.name for place in places), "disk"]
        at = [order.index(placed[block.name]) for block in blocks]
        assert at == sorted(at)
        assert all(by_place(blocks, placed).get(place.name, 0) <= place.room for place in places)


@pytest.mark.parametrize(
    ("device", "names"),
    [
        ("auto", ("auto",)), ("auto-split", ("auto-split",)), ("cuda:1", ("cuda:1",)),
        ("cuda", ("cuda",)), ("cuda:1,cuda:0", ("cuda:1", "cuda:0")),
        ("disk, cpu, cuda", ("cuda:0", "cpu", "disk")), ("mps,cpu", ("mps", "cpu")),
    ],
)  # fmt: skip
def test_devices_are_read_as_torch_writes_them(device, names):
    assert parse_devices(device) == names


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"device": "cuda:0,GPU"}, r"backend\.device='cuda:0,GPU': 'GPU' is no device; write auto"),
        ({"device": "cuda:0,"}, "'' is no device"),
        ({"device": "cuda:0,cuda"}, "names cuda:0 twice"),
        ({"device": "disk"}, "disk computes nothing; name what does beside it: cpu,disk"),
        ({"device": "cpu,disk", "device_memory": "3 pounds,1GB"}, "'3 pounds' is no size"),
        ({"device": "cpu,disk", "device_memory": "3GB"}, "gives 1, one for each of several"),
        ({"device": "auto-split", "device_memory": "3GB"}, "backend.device=auto-split; name as"),
        ({"device": "cuda:7,cpu"}, r"there is no cuda:7 here; there is .*cpu"),
        ({"device": "cuda:7"}, r"there is no cuda:7 here; there is .*cpu"),
        ({"device": "cpu,disk", "device_memory": "50KB,10KB"}, "do not fit .*give more in"),
    ],
)
def test_devices_that_cannot_be_are_one_sentence_before_weights_are_read(tiny, options, sentence):
    folder = tiny()
    (folder / "model.safetensors").rename(folder / "away")
    (folder / "away").rename(folder / "model.safetensors")
    with pytest.raises(HarnessError, match=sentence) as refused:
        HuggingFaceModel(str(folder), **options).load("float32")
    assert "\n" not in str(refused.value)


def test_one_device_that_is_missing_is_named_with_those_that_there_are():
    with pytest.raises(HarnessError, match="no cuda:2 here; there is cuda:0, cuda:1, cpu"):
        refuse_missing("cuda:0,cuda:2", ["cuda:0", "cuda:2"], ["cuda:0", "cuda:1", "cpu"])
    refuse_missing("cuda,disk", ["cuda", "disk"], ["cuda:0", "cpu"])


def test_sizes_are_decimal_or_binary():
    assert parse_memory(["20GB", "1.5 MiB"], ("a", "b")) == [2e10, 1.5 * 2**20]


def test_accelerate_gets_numbers_so_that_the_first_card_is_the_one_that_parts_are_carried_to():
    placed = {"a": "cuda:1", "b": "cpu", "c": "disk", "d": "mps"}
    assert map_of(placed) == {"a": 1, "b": "cpu", "c": "disk", "d": "mps"}


def test_the_parts_of_a_model_are_all_of_it_and_tied_weights_count_once(tiny):
    model = AutoModelForCausalLM.from_pretrained(tiny(tie_word_embeddings=True))
    blocks = blocks_of(model, "tiny")
    assert [block.name for block in blocks] == [
        "model.embed_tokens", "model.layers.0", "model.layers.1", "model.norm",
        "model.rotary_emb", "lm_head",
    ]  # fmt: skip
    assert blocks[-1] == Block("lm_head", 0, "model.embed_tokens")
    assert sum(block.size for block in blocks) == sum(p.nbytes for p in model.parameters())


ASKED = [
    *(Request(str(n), (Message("user", "Tell me of " + "the sea and " * n),)) for n in range(5)),
    *(Request(f"c{n}", f"{n} or more: ", choices=(" Yes", "No", " maybe so")) for n in range(4)),
]
SETTINGS = GenerationConfig(max_new_tokens=9)


def answers(loaded):
    """Texts and log-probabilities by the engine."""
    with torch.inference_mode():
        return {
            g.sample_id: (g.text, g.choice_logprobs)
            for some in generate(loaded, ASKED, SETTINGS, 0)
            for g in some
        }


@pytest.fixture
def whole(tiny):
    """A checkpoint and what it answers where nothing is offloaded."""
    folder = tiny(tie_word_embeddings=True)
    return folder, answers(HuggingFaceModel(str(folder)).load("float32"))


@pytest.mark.parametrize(
    ("memory", "layers", "tied"),
    [("100KB,1GB", {"cpu": 1, "disk": 1}, False), ("1KB,1GB", {"disk": 2}, True)],
)
def test_answers_with_layers_on_disk_are_those_without_bit_by_bit(tiny, memory, layers, tied):
    folder = tiny(tie_word_embeddings=tied)
    expected = answers(HuggingFaceModel(str(folder)).load("float32"))
    model = HuggingFaceModel(str(folder), device="cpu,disk", device_memory=memory)
    loaded = model.load("float32")
    assert any(parameter.is_meta for parameter in loaded.model.parameters())
    assert answers(loaded) == expected
    assert loaded.remarks["attention"] == "shared"
    places = {place: count for place, count in loaded.remarks["layers"].items() if count}
    assert places == layers
    assert "disk" in model.device_used
    assert model.identity == HuggingFaceModel(str(folder)).identity
    sizes, carried, forwards = model.placement(3000, 600, 2)
    assert set(sizes) == set(layers)
    assert sum(sizes.values()) == model.memory()[0]
    assert (carried, forwards) == (sizes["disk"], 2 + 3)


def test_where_all_fits_one_place_nothing_is_carried(whole):
    folder, expected = whole
    loaded = HuggingFaceModel(str(folder), device="auto-split").load("float32")
    assert not loaded.is_dispatched
    assert HuggingFaceModel(str(folder), device="auto-split").placement(1, 1, 1) is None
    assert answers(loaded) == expected


def test_choices_and_answers_of_half_precision_weights_on_disk_are_those_without(tiny):
    folder = tiny(dtype="bfloat16")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "dtype": "bfloat16"}))
    found = []
    for options in ({}, {"device": "cpu,disk", "device_memory": "40KB,1GB"}):
        model = HuggingFaceModel(str(folder), **options)
        found.append(
            {g.sample_id: (g.text, g.choice_logprobs)
             for some in model.generate(ASKED, SETTINGS, 0) for g in some}
        )  # fmt: skip
        assert set(model.remarks) == {"bfloat16", "float32"}
    assert found[0] == found[1]


def test_weights_that_wait_in_memory_give_the_same_answers(whole):
    folder, expected = whole
    network = AutoModelForCausalLM.from_pretrained(folder).eval()
    cpu_offload(network, torch.device("cpu"))
    loaded = LoadedModel(AutoTokenizer.from_pretrained(folder), network, "it")
    assert loaded.misfit is None
    assert loaded.is_dispatched
    assert answers(loaded) == expected
    with pytest.raises(HarnessError, match="is not all in memory: some of its weights are offl"):
        _ = HeldModel(network, AutoTokenizer.from_pretrained(folder), "it").identity


def carry(module, device, back=False):
    """Move what a module is given to its device, as accelerate does; what has no values gets some.

    Args:
        module: of a model.
        device: where its weights are.
        back: move what it gives there.
    """

    def moved(of):
        if isinstance(of, torch.Tensor):
            return torch.zeros_like(of, device=device) if of.is_meta else of.to(device)
        return type(of)(map(moved, of)) if isinstance(of, tuple | list) else of

    def given(module, inputs, options):
        return moved(inputs), {name: moved(option) for name, option in options.items()}

    def gives(module, inputs, output):
        output.logits = moved(output.logits)
        return output

    module.register_forward_pre_hook(given, with_kwargs=True)
    if back:
        module.register_forward_hook(gives)


class OneDevice(TorchDispatchMode):
    """Refuses what computes with tensors of two devices; only copies may."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        tensors = [
            x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor) and x.dim()
        ]
        devices = {x.device.type for x in tensors}
        assert len(devices) < 2 or func in COPIES, func
        return func(*args, **(kwargs or {}))


COPIES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)


def test_no_product_mixes_devices(tiny):
    """Layers on two devices, one of which computes shapes alone."""
    first, second = "cpu", "meta"
    folder = tiny()
    network = AutoModelForCausalLM.from_pretrained(folder).eval()
    loaded = LoadedModel(AutoTokenizer.from_pretrained(folder), network, "it")
    core = network.model
    for module, device in (
        (core.embed_tokens, first), (core.layers[0], first), (core.rotary_emb, first),
        (core.layers[1], second), (core.norm, second), (network.lm_head, second),
    ):  # fmt: skip
        module.to(device)
        carry(module, device)
    carry(network, first, back=True)
    loaded.device, loaded.is_dispatched = device_of(network.get_input_embeddings()), True
    assert loaded.device.type == first
    loaded.use_cascade(True)
    shared, other = (Segment(tuple(range(n, n + 20)), 0, None, 40) for n in (0, 30))
    for lengths in ((9, 9), (9, 4)):
        leaves = [
            Leaf((*segment.tokens, *range(n)), segment, 1)
            for segment in (shared, other) for n in lengths
        ]  # fmt: skip
        with OneDevice():
            logits, kept = loaded.prefill(leaves, [1] * 4)
        assert logits.device.type == first
        assert [keys.device.type for keys, _ in kept] == [first, second]
        work, ends = Slots(loaded.device), [sum((lengths * 2)[:n]) for n in range(5)]
        with OneDevice():
            work.add(kept, [range(a, b) for a, b in pairwise(ends)])
            work.under([leaf.parent for leaf in leaves])
            for step in range(2):
                work.begin()
                out = loaded.forward([1] * 4, [29 + step] * 4, work, range(4))
            work.remove(1)
        assert out.device.type == first


def test_an_adapter_is_merged_and_then_parted(tiny, tmp_path):
    peft = pytest.importorskip("peft")
    network = AutoModelForCausalLM.from_pretrained(tiny())
    adapted = peft.get_peft_model(
        network, peft.LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"])
    )
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_" in name:
                parameter.normal_()
    adapted.save_pretrained(tmp_path / "adapter")
    expected = answers(HuggingFaceModel(str(tmp_path / "adapter")).load("float32"))
    model = HuggingFaceModel(
        str(tmp_path / "adapter"), device="cpu,disk", device_memory="100KB,1GB"
    )
    loaded = model.load("float32")
    assert any(parameter.is_meta for parameter in loaded.model.parameters())
    assert answers(loaded) == expected


def test_quantised_weights_do_not_leave_what_computes_them(tiny):
    pytest.importorskip("bitsandbytes")
    model = HuggingFaceModel(
        str(tiny()), quantize="int8", device="cpu,disk", device_memory="20KB,1GB"
    )
    with pytest.raises(HarnessError, match="is quantised, and what is does not leave the devices"):
        model.load("float32")


def test_a_model_that_is_worked_on_stays_whole(tiny):
    from harness.mitigations.fitting.base import Base

    with pytest.raises(HarnessError, match="that is worked on stays whole; name one device"):
        Base(HuggingFaceModel(str(tiny()), device="cpu,disk"))
