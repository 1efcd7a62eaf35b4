"""Whatever model the installed lm-eval can run: hf, vllm, sglang, a completions server ..."""

from harness.models.lm_eval.model import LmEvalModel as LmEvalModel
