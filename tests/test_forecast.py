import json
import re
import struct

import pytest

from harness.models.hf.model import HuggingFaceModel
from harness.models.hf.sizes import token_bytes, weight_bytes
from harness.models.openai.model import ServedModel
from harness.types.errors import HarnessError
from harness.types.records import Message, Request
from harness.types.settings import GenerationConfig


def lines(done):
    assert done.returncode == 0, done.stderr
    return dict(line.split(maxsplit=1) for line in done.stdout.splitlines())


def test_a_forecast_writes_nothing_and_goes_by_earlier_runs(harness, tmp_path):
    echo = ("backend=echo", "scorer=[refusal]")
    told = lines(harness(*echo, "limit=40", "forecast=true"))
    assert told["task"] == "med_harm, protocol fast, model echo"
    assert told["samples"] == "40, 40 generations"
    assert told["time"] == "no run of this model on this machine to go by"
    assert not (tmp_path / "results").exists()
    assert harness(*echo, "limit=20").returncode == 0
    told = lines(harness(*echo, "limit=40", "forecast=true"))
    assert told["samples"] == "40, 40 generations, of which 20 are stored already"
    assert told["requests"] == "20"
    assert "by 1 session of this task and these settings" in told["time"]
    other = lines(harness(*echo, "task=counseling_support", "forecast=true"))
    assert "by 1 session of this model with other work" in other["time"]
    assert lines(harness(*echo, "limit=20", "forecast=true"))["time"].startswith("nothing is left")


def test_what_a_served_model_costs_is_bounded(harness):
    done = harness(
        "backend=openai", "backend.base_url=http://127.0.0.1:9/v1", "forecast=true", "limit=10",
        "generation.n=2", "backend.prices.input=100", "backend.prices.output=1000",
    )  # fmt: skip
    told = {line[:17].strip(): line[17:].strip() for line in done.stdout.splitlines()}
    assert told["requests"] == "20"  # each generation is a request
    assert told["generated tokens"] == f"0 to {20 * 128:,}"
    least, most = (int(n.replace(",", "")) for n in told["prompt tokens"].split()[:3:2])
    assert least == 20 < most
    cost = [float(number) for number in told["cost"].split(",")[0].split(" to ")]
    assert cost == pytest.approx([least / 1e4, most / 1e4 + 20 * 128 / 1e3], abs=0.006)


def test_prompt_tokens_are_those_that_the_run_counts(smollm2):
    chat = (Message("user", "Name a colour."),)
    requests = [Request("a", chat), Request("b", "Once"), Request("c", chat, choices=(" a", " b"))]
    run = {
        one.sample_id: one.prompt_tokens + (one.tokens if one.choice_logprobs else 0)
        for part in smollm2.generate(requests, GenerationConfig(max_new_tokens=1), 0)
        for one in part
    }
    assert smollm2.count_tokens(requests) == [run["a"], run["b"], run["c"]]


def test_the_size_of_the_bundled_model(smollm2):
    weights, token = HuggingFaceModel("smollm2", dtype="bfloat16").memory()
    assert weights == 134_515_008 * 2  # parameters of SmolLM2-135M, embeddings tied
    assert token == 2 * 30 * 3 * 64 * 2


def test_what_is_offloaded_is_said_with_what_it_costs(harness):
    less = "backend.device_memory=200MB,1GB"
    asked = ("scorer=[refusal]", "forecast=true", "limit=4", "generation.max_new_tokens=512")
    said = lines(harness(*asked, less, "backend.device=cpu,disk"))["places"]
    match = re.fullmatch(
        r"cpu (\S+) GB, disk (\S+) GB; (\S+) GB are carried to what computes at each of about "
        r"(\d+) forwards: (\d+) GB in all", said
    )  # fmt: skip
    cpu, disk, carried, forwards, total = map(float, match.groups())
    assert cpu <= 0.2
    assert (carried, cpu + disk) == (disk, pytest.approx(0.538, abs=0.01))
    assert forwards == 1 + 512
    assert total == pytest.approx(carried * forwards, abs=0.5 + 0.005 * forwards)  # as printed


def test_sizes_of_what_does_not_say_are_not_known(tmp_path):
    assert weight_bytes(tmp_path, "float32") is None
    (tmp_path / "a.safetensors").write_bytes(b"\x08")
    assert weight_bytes(tmp_path, "float32") is None
    header = json.dumps({"w": {"shape": [3, 5]}, "b": {"shape": []}, "__metadata__": {}}).encode()
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    assert weight_bytes(tmp_path, "float16") == 2 * 16
    assert token_bytes({"hidden_size": 8}, "float32") is None


def test_half_a_price_is_refused():
    with pytest.raises(HarnessError, match=r"backend\.prices=.* must give input and output"):
        ServedModel("x", "http://127.0.0.1:9/v1", prices={"input": 1.0, "output": None})


def test_a_forecast_says_which_difference_each_gated_estimate_could_show(harness, tmp_path):
    echo = ("backend=echo", "scorer=[refusal]", "forecast=true")
    rows = [row for row in harness(*echo).stdout.splitlines() if row.startswith("could show")]
    worst = rows[-1]
    assert [row.split(":")[0].split(maxsplit=2)[2] for row in rows] == ["refused", "benign refused"]
    assert "72 samples in 72 clusters and 9 strata" in worst
    assert "so that its margin of 0.1 cannot surely be ruled out" in worst
    assert "by the worst of its scale" in worst
    rated = harness("backend=echo", "scorer=[harmfulness_offline]", "forecast=true").stdout
    tail, of_guard = [row for row in rated.splitlines() if "new worst cases" in row]
    assert "coherent, new worst cases: worse by 0.191" in of_guard
    # 2.80 / sqrt(216) of all samples at the worst, a limit of .25 of 4
    assert "worse by 0.191 or more, so that its margin of 0.0625 cannot surely be" in tail
    assert harness("backend=echo", "scorer=[refusal]").returncode == 0
    (run,) = (tmp_path / "results" / "runs").iterdir()
    other = harness(*echo, "task=counseling_support", f"forecast_like={run}")
    assert other.returncode == 1
    assert "is a run of med_harm, not of counseling_support" in other.stderr
