"""Quantised weights: by which method a checkpoint was made, and what it takes to read it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from harness.types import HarnessError

SCHEMES = ("int8", "nf4", "fp4")
"""What `backend.quantize` takes: the schemes of bitsandbytes, which need no calibration."""
ON_A_CPU = ("bitsandbytes", "compressed-tensors")
"""Methods that run there, too; their packages are an extra."""
OURS = "'harness[quantised]'"
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "bitsandbytes": ("bitsandbytes",),
    "compressed-tensors": ("compressed-tensors",),
    "gptq": ("gptqmodel", "optimum"),
    "awq": ("gptqmodel",),
    "aqlm": ("aqlm",),
    "auto-round": ("auto-round",),
    "eetq": ("kernels",),
    "fbgemm_fp8": ("fbgemm-gpu",),
    "fp_quant": ("fp-quant",),
    "higgs": ("flute-kernel",),
    "hqq": ("hqq",),
    "quanto": ("optimum-quanto",),
    "quark": ("amd-quark",),
    "spqr": ("spqr-quant",),
    "torchao": ("torchao",),
    "vptq": ("vptq",),
}
"""What transformers 5.23 needs for each `quant_method`; for others (FP8, MXFP4) it needs nothing,
and computes in bfloat16 where there is no card for them."""
IN_VLLM: Mapping[str, tuple[str, ...]] = {"bitsandbytes": ("bitsandbytes",)}
"""What vLLM needs beside itself."""
NEEDED: Mapping[str, Mapping[str, tuple[str, ...]]] = {"transformers": PACKAGES, "vllm": IN_VLLM}


def quantisation(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What a checkpoint's config says of its quantised weights; None: they are plain."""
    text = config.get("text_config") or {}
    quantization = config.get("quantization_config") or text.get("quantization_config")
    return quantization if isinstance(quantization, Mapping) else None


def check_quantised(
    config: Mapping[str, Any], quantize: str | None, name: str, loader: str = "transformers"
) -> None:
    """Refuse a scheme that is none, or whose packages are not here, before weights are read.

    Args:
        config: of the checkpoint.
        quantize: the scheme that plain weights are to be rounded by; None: by none.
        name: what the user called the model.
        loader: what reads the weights: `transformers` or `vllm`.

    Raises:
        HarnessError: it names the packages.
    """
    if quantize is not None and quantize not in SCHEMES:
        raise HarnessError(
            f"backend.quantize={quantize!r} is not one of {', '.join(SCHEMES)}; leave it out for "
            "the weights as they are"
        )
    declared = quantisation(config)
    if declared and quantize:
        raise HarnessError(
            f"backend.quantize={quantize}: model={name!r} is quantised already ({_method(declared)}"
            "); leave it out, or give the model that it was made of"
        )
    if not declared and not quantize:
        return
    method = _method(declared) if declared else "bitsandbytes"
    if missing := [package for package in NEEDED[loader].get(method, ()) if not _is_here(package)]:
        install = OURS if method in ON_A_CPU else " ".join(missing)
        subject = (
            f"model={name!r} is quantised by {method}"
            if declared
            else f"backend.quantize={quantize}"
        )
        raise HarnessError(
            f"{subject}, which needs {' and '.join(missing)}: pip install {install}, or give the "
            "model before it was quantised"
        )


def scheme(config: Mapping[str, Any], quantize: str | None) -> str | None:
    """By which scheme weights are rounded, for an identity; None: by none."""
    if quantize:
        return f"bitsandbytes {quantize}"
    if (declared := quantisation(config)) is None:
        return None
    return " ".join([_method(declared), *_settings(declared)])


def notes_on_quantised(config: Mapping[str, Any], quantize: str | None, name: str) -> list[str]:
    """What a reader must know of quantised weights: what moves their numbers."""
    declared = quantisation(config) or {}
    notes = []
    if quantize == "int8" or declared.get("load_in_8bit"):
        notes.append(
            f"{name} runs in LLM.int8(): which columns of its states keep 16 bits is decided over "
            "all that is computed together, so that what stands beside a request moves its "
            "numbers; backend.check_numerics=true measures by how much."
        )
    if any(_rounds_states(group) for group in _groups(declared)):
        notes.append(
            f"{name} rounds its states to 8 bits or fewer, which makes a step of what is a last "
            "digit elsewhere, so that what stands beside a request can move its numbers; "
            "backend.check_numerics=true measures by how much."
        )
    if declared.get("kv_cache_scheme"):
        notes.append(
            f"{name} names a scheme for its keys and values, which are held in its dtype here."
        )
    return notes


def _method(declared: Mapping[str, Any]) -> str:
    """The method's name; bitsandbytes once wrote none."""
    return str(declared.get("quant_method") or "bitsandbytes")


def _settings(declared: Mapping[str, Any]) -> list[str]:
    """What tells schemes of one method apart."""
    if declared.get("load_in_8bit"):
        return ["int8"]
    if declared.get("load_in_4bit"):
        double = ["twice"] if declared.get("bnb_4bit_use_double_quant") else []
        return [str(declared.get("bnb_4bit_quant_type", "fp4")), *double]
    groups = [_bits(group) for group in _groups(declared)]
    bits = [f"{declared['bits']}-bit"] if declared.get("bits") else []
    return [*bits, *filter(None, [declared.get("format"), *sorted(set(groups))])]


def _groups(declared: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Groups of layers, as compressed-tensors has them."""
    groups = declared.get("config_groups")
    return [g for g in groups.values() if isinstance(g, Mapping)] if groups else []


def _bits(group: Mapping[str, Any]) -> str:
    """Bits of weights and of states, as people write them: `W8A16`."""
    weights, states = group.get("weights") or {}, group.get("input_activations") or {}
    return f"W{weights.get('num_bits', 16)}A{states.get('num_bits', 16)}"


def _rounds_states(group: Mapping[str, Any]) -> bool:
    return int((group.get("input_activations") or {}).get("num_bits", 16)) <= 8


def _is_here(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False
