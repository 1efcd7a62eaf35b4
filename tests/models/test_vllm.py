"""The vLLM backend: what it refuses everywhere, and what it answers where vLLM is installed."""

import importlib.util
import json
import shutil
import subprocess
import sys
import time

import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file

from harness.models.hf.model import HuggingFaceModel
from harness.models.vllm.model import VllmModel
from harness.testing import check_model
from harness.types.errors import HarnessError
from harness.types.records import Message, Request
from harness.types.settings import GenerationConfig

HERE = importlib.util.find_spec("vllm") is not None
needs_vllm = pytest.mark.skipif(not HERE, reason="vLLM is not installed in this environment")
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # its own


@pytest.mark.skipif(HERE, reason="vLLM is installed")
def test_without_vllm_the_way_to_get_it_is_said():
    with pytest.raises(HarnessError, match="in an environment of its own: pip install vllm"):
        _ = VllmModel("smollm2").identity


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"gpu_memory_utilization": 1.5}, r"backend\.gpu_memory_utilization=1\.5 must be above 0"),
        ({"tensor_parallel_size": 0}, r"backend\.tensor_parallel_size=0 must be at least 1"),
        ({"max_model_len": -5}, r"backend\.max_model_len=-5 must be at least 1"),
        ({"options": ["x"]}, r"backend\.options=\['x'\] must be a mapping"),
        ({"options": {"dtype": "half"}}, r"backend\.options may not set dtype: "),
        ({"options": {"model": "x", "max_num_seqs": 1}}, "may not set max_num_seqs, model"),
        ({"dtype": "int3"}, r"backend\.dtype='int3' is not one of"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_loaded(options, said, monkeypatch):
    monkeypatch.setattr("harness.models.vllm.model._version", lambda: "0")
    with pytest.raises(HarnessError, match=said):
        _ = VllmModel("smollm2", **options).identity


def test_the_identity_names_the_engine_and_what_changes_an_answer(monkeypatch):
    monkeypatch.setattr("harness.models.vllm.model._version", lambda: "1.2")
    identity = VllmModel("smollm2").identity
    assert (identity["backend"], identity["engine"]) == ("vllm", "vllm 1.2")
    same = {"tensor_parallel_size": 2, "data_parallel_size": 2, "max_num_seqs": 4}
    assert VllmModel("smollm2", **same).identity == identity
    for other in (
        {"dtype": "bfloat16"},
        {"max_model_len": 64},
        {"options": {"enforce_eager": True}},
    ):
        assert VllmModel("smollm2", **other).identity != identity


@pytest.fixture(scope="module")
def model():
    return VllmModel("smollm2", gpu_memory_utilization=0.25, max_model_len=1024, max_num_seqs=32)


def ask(model, requests, settings, seed=0):
    finished = [g for some in model.generate(requests, settings, seed) for g in some]
    answers = {(g.sample_id, g.index): g for g in finished}
    assert len(answers) == len(finished)
    return answers


def questions(n):
    return [
        Request(str(i), (Message("user", f"Name {i + 2} things that float on water."),))
        for i in range(n)
    ]


@needs_vllm
def test_it_keeps_the_contract_of_a_model(model):
    check_model(model)


@needs_vllm
def test_greedy_texts_and_choices_are_those_of_the_hf_backend(model, smollm2):
    settings = GenerationConfig(max_new_tokens=24, stop=["\n\n"])
    ours, theirs = (ask(m, questions(6), settings) for m in (smollm2, model))
    assert theirs == ours
    for choices in ((" A", " B", " C"), (" wood, of course", " a stone", " nothing")):
        asked = [Request(r.sample_id, r.prompt, choices=choices) for r in questions(6)]
        ours, theirs = (ask(m, asked, settings) for m in (smollm2, model))
        for key, answer in ours.items():
            weights = theirs[key].choice_logprobs
            assert weights == pytest.approx(answer.choice_logprobs, abs=2e-3)


@needs_vllm
def test_noise_is_keyed_by_request(model):
    settings = GenerationConfig(n=3, max_new_tokens=16, temperature=1.0, top_p=0.9)
    asked = [Request(r.sample_id, r.prompt, (0, 1, 2)) for r in questions(4)]
    together = ask(model, asked, settings, seed=3)
    assert len({g.text for g in together.values()}) == 12
    again = ask(model, [Request(r.sample_id, r.prompt, (2,)) for r in asked[::-1]], settings, 3)
    assert again == {key: together[key] for key in again}
    other = ask(model, asked, settings, seed=4)
    assert all(other[key].text != together[key].text for key in other)


@needs_vllm
def test_more_sampled_prompts_than_are_read_at_once(model):
    settings = GenerationConfig(n=5, max_new_tokens=2, temperature=1.0)
    asked = [
        Request(str(i), f"{i}: " + "and then it rained, " * 40, tuple(range(5))) for i in range(40)
    ]
    assert not [g.error for g in ask(model, asked, settings).values() if g.error]


@needs_vllm
def test_what_nobody_waits_for_is_given_up(model):
    settings = GenerationConfig(max_new_tokens=900, min_new_tokens=900)
    finished = model.generate([*questions(40), Request("long", "word " * 2000)], settings, 0)
    ((failed,),) = [next(finished)]
    assert "exceed the model's context of 1024" in failed.error
    finished.close()
    assert ask(model, questions(1), GenerationConfig(max_new_tokens=4))["0", 0].tokens == 4


@needs_vllm
def test_the_command_line_prints_its_table_and_nothing_else(tmp_path):
    command = [
        sys.executable, "-m", "harness", "task=med_harm", "backend=vllm", "limit=4",
        "scorer=[refusal]", "generation.max_new_tokens=16", "backend.gpu_memory_utilization=0.25",
        "backend.max_model_len=1024",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("med_harm version")
    assert "vllm" not in done.stdout.lower().replace("backend=vllm", "")
    (folder,) = (tmp_path / "results" / "runs").iterdir()
    info = json.loads((folder / "run.json").read_text())
    assert info["sessions"][0]["device"] == "cpu"
    assert info["sessions"][0]["model"]["gpu_memory_utilization"] == 0.25


@needs_vllm
def test_processes_of_a_killed_run_end_with_it_and_the_same_command_goes_on(tmp_path):
    command = [
        sys.executable, "-m", "harness", "task=med_harm", "backend=vllm", "limit=40",
        "scorer=[refusal]", "generation.max_new_tokens=64", "backend.gpu_memory_utilization=0.25",
        "backend.max_model_len=1024", "backend.max_num_seqs=4",
    ]  # fmt: skip
    run = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    while not list(tmp_path.glob("results/runs/*/generations/*.parquet")) and run.poll() is None:
        time.sleep(0.2)
    children = psutil.Process(run.pid).children(recursive=True)
    assert len(children) > 1
    run.kill()
    run.wait()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "40 generations, 0 of them failed" in " ".join(done.stdout.split())
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    """A LoRA adapter of the bundled model whose every tensor is random, of two ranks."""
    peft = pytest.importorskip("peft")
    network = HuggingFaceModel("smollm2").read("float32")[1]
    wanted = {"r": 4, "rank_pattern": {"down_proj": 2}, "target_modules": ["q_proj", "down_proj"]}
    adapted = peft.get_peft_model(network, peft.LoraConfig(task_type="CAUSAL_LM", **wanted))
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.06)
    folder = tmp_path_factory.mktemp("adapter")
    adapted.save_pretrained(folder)
    return str(folder)


EAGER = {"options": {"enforce_eager": True}}


@needs_vllm
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_a_lora_adapter_answers_as_it_does_merged(adapter, smollm2):
    options = {"gpu_memory_utilization": 0.2, "max_model_len": 512, "max_num_seqs": 8, **EAGER}
    model = VllmModel(adapter, base="smollm2", dtype="float32", **options)
    merged = HuggingFaceModel(adapter, base="smollm2")
    settings = GenerationConfig(max_new_tokens=24)
    bare, ours, theirs = (ask(m, questions(6), settings) for m in (smollm2, merged, model))
    assert theirs == ours
    assert sum(ours[key].text != bare[key].text for key in ours) > len(ours) / 2
    choices = [Request(r.sample_id, r.prompt, choices=(" wood", " a stone")) for r in questions(4)]
    ours, theirs = (ask(m, choices, settings) for m in (merged, model))
    for key, answer in ours.items():
        assert theirs[key].choice_logprobs == pytest.approx(answer.choice_logprobs, abs=2e-3)


@needs_vllm
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_an_adapter_of_another_width_is_one_sentence(adapter, tmp_path):
    wide = shutil.copytree(adapter, tmp_path / "wide")
    tensors = load_file(wide / "adapter_model.safetensors")
    grown = {name: torch.cat([t, t], int(t.shape[1] > t.shape[0])) for name, t in tensors.items()}
    save_file(grown, wide / "adapter_model.safetensors", {"format": "pt"})
    options = {"gpu_memory_utilization": 0.2, "max_model_len": 128, **EAGER}
    with pytest.raises(HarnessError, match=r"cannot be applied by vLLM .*give its own base"):
        ask(VllmModel(str(wide), base="smollm2", **options), questions(1), GenerationConfig())
