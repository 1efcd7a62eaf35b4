import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from harness.command import task_of
from harness.models.bundled import bundled_folder
from harness.models.openai.model import ServedModel
from harness.runs.requests import stopped
from harness.types.errors import HarnessError
from harness.types.records import Message, Request
from harness.types.settings import GenerationConfig

SERVE = shutil.which("transformers", path=Path(sys.executable).parent)
START = 120.0
"""Seconds that a server may take to listen."""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Where `transformers serve` answers for the bundled model."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("serve") / "log"
    with log.open("wb") as told:
        server = subprocess.Popen(
            [SERVE, "serve", "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"],
            env=os.environ | {"HF_HUB_OFFLINE": "1"}, stdout=told, stderr=told,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + START
        while time.monotonic() < deadline and server.poll() is None:
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5),
            ):
                break
            time.sleep(0.3)
        else:
            pytest.fail(f"transformers serve did not start: {log.read_text()[-2000:]}")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(30)


@pytest.mark.slow
@pytest.mark.skipif(SERVE is None, reason="transformers is not on the path of this environment")
def test_a_real_server_gives_the_local_engine_s_greedy_texts_of_med_harm(address, smollm2):
    """Every thirty-sixth request; all 288 of them (four minutes on two cores) with SERVED=all."""
    task = task_of("med_harm")
    step = 1 if os.environ.get("SERVED") == "all" else 36
    requests = [Request(s.id, s.prompt) for s in task.samples(task.records())][::step]
    settings = GenerationConfig(max_new_tokens=8)
    served = ServedModel(str(bundled_folder("smollm2")), address, concurrency=1)
    ours = texts(smollm2, requests, settings)
    theirs = texts(served, requests, settings)
    assert len(ours) == 288 // step
    assert theirs == ours


@pytest.mark.slow
@pytest.mark.skipif(SERVE is None, reason="transformers is not on the path of this environment")
def test_a_real_server_that_begins_anew_is_found_and_its_stop_strings_are_cut(address, smollm2):
    name = str(bundled_folder("smollm2"))
    begun = Request("q", (Message("user", "Which letter?"), Message("assistant", "The letter")))
    flags = ["continue_final_message", "add_generation_prompt"]
    with pytest.raises(HarnessError, match=rf"422: .*backend.omit=\[{','.join(flags)}\]"):
        texts(ServedModel(name, address, continues=True), [begun], GenerationConfig())
    with pytest.raises(HarnessError, match="which begins anew"):
        texts(ServedModel(name, address, continues=True, omit=flags), [begun], GenerationConfig())
    settings = GenerationConfig(max_new_tokens=24, stop=["ris"])
    request = Request("q", (Message("user", "What is the capital of France?"),))
    served = ServedModel(name, address)
    (answer,) = [one for part in served.generate([request], settings, 0) for one in part]
    theirs = stopped(answer, settings.stop)
    assert (theirs.text, theirs.finish_reason) == ("The capital of France is Pa", "stop")
    assert texts(smollm2, [request], settings) == {"q": (theirs.text, None)}


@pytest.mark.slow
@pytest.mark.skipif(SERVE is None, reason="transformers is not on the path of this environment")
def test_what_a_real_server_ignores_is_found(address):
    served = ServedModel(str(bundled_folder("smollm2")), address, concurrency=1)
    request = Request("q", (Message("user", "What is the capital of France?"),))
    texts(served, [request], GenerationConfig(max_new_tokens=4, temperature=1.0))
    honours = served.remarks["probe"]["honours"]
    assert honours["n"] == "ignored: one answer came where two were asked for"
    assert honours["seed"] == "not known: draws of two seeds were the same"
    assert honours["stop"] == "yes"
    assert honours["logprobs"].startswith("ignored: ")
    assert "it may be that the server draws nothing" in served.notes[0]


def texts(model, requests, settings):
    answers = [one for part in model.generate(requests, settings, 0) for one in part]
    return {one.sample_id: (one.text, one.error) for one in answers}
