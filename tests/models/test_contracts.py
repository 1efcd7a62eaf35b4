"""Every backend of conf/backend keeps the contract of models: on a tiny checkpoint, it is quick."""

import importlib.util
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from harness.command import CONF_DIR, make, register
from harness.testing import check_model
from harness.types import Model

BACKENDS = sorted(path.stem for path in (Path(CONF_DIR) / "backend").glob("*.yaml"))
ELSEWHERE = {
    "ray": "it starts a cluster; test_ray.py has one",
    "openai": "it needs a server; test_openai.py has one",
    "any_llm": "it needs a provider; test_any_llm.py has some",
    "reference": "it answers its task's own samples; test_reference.py",
}


def backend(*overrides):
    register()
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        return make("backend", compose("config", list(overrides)).backend, Model)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.long) if n == "lm_eval" else n for n in BACKENDS]
)
def test_every_backend_keeps_the_contract_of_models(name, tiny_checkpoint):
    if name in ELSEWHERE:
        pytest.skip(ELSEWHERE[name])
    if name == "vllm" and importlib.util.find_spec("vllm") is None:
        pytest.skip("vllm is not installed in this environment")
    check_model(backend(f"backend={name}", f"model={tiny_checkpoint()}"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hf", "lm_eval"])
def test_the_bundled_model_keeps_it_too(name):
    check_model(backend(f"backend={name}"))
