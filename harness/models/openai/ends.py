"""Why a served answer ends: the names that are known to be used, and what each means here.

Names are compared without regard to case. Sources, as published or released by November 2026:

- OpenAI, Azure OpenAI: `finish_reason` of chat completions (openai-python 3.57).
- Anthropic: `stop_reason` of messages, which some gateways hand on as it is.
- Gemini and Vertex AI: `FinishReason` of `GenerateContentResponse`.
- Mistral: `finish_reason` of chat completions (`model_length`, `error`).
- Cohere: `finish_reason` of chat, versions 1 and 2.
- Amazon Bedrock: `stopReason` of Converse.
- DeepSeek: `insufficient_system_resource`; Zhipu: `sensitive`, `network_error`.
- vLLM and SGLang: `stop`, `length`, `abort`; TGI: `eos_token`, `stop_sequence`, `length`;
  llama.cpp: `stop`, `length` beside OpenAI's, `eos`, `word`, `limit` of its own endpoint.
- OpenRouter: `error` where a provider broke off; the AI SDK's gateways: `content-filter`.
"""

from __future__ import annotations

from typing import Literal

from harness.models.openai.faults import UnansweredError, excerpt

Finish = Literal["stop", "length", "filtered", "unknown"]

STOP = ("stop", "eos", "eos_token", "end_turn", "stop_sequence", "complete", "word")
LENGTH = (
    "length", "max_tokens", "max_output_tokens", "model_length", "limit",
    "model_context_window_exceeded",
)  # fmt: skip
FILTERED = (
    "content_filter", "content-filter", "content_filtered", "guardrail_intervened", "refusal",
    "sensitive", "safety", "recitation", "blocklist", "prohibited_content", "spii", "model_armor",
    "image_safety", "image_prohibited_content", "image_recitation", "error_toxic",
)  # fmt: skip
TOOLS = (
    "tool_calls", "tool-calls", "tool_call", "tool_use", "function_call", "unexpected_tool_call",
    "malformed_function_call", "malformed_tool_use", "too_many_tool_calls",
)  # fmt: skip
BROKEN = (
    "error", "abort", "aborted", "cancelled", "network_error", "insufficient_system_resource",
    "error_limit", "user_cancel", "timeout", "other", "language", "pause_turn",
    "finish_reason_unspecified", "malformed_model_output",
)  # fmt: skip
MEANINGS: dict[str, Finish] = {
    **dict.fromkeys(STOP, "stop"),
    **dict.fromkeys(LENGTH, "length"),
    **dict.fromkeys(FILTERED, "filtered"),
}


def finish_of(reason: object, ends: bool = True) -> Finish:
    """What a server's finish reason means.

    Args:
        reason: as it stands in the answer; None where there is none.
        ends: an answer that does not say why it ends may be a part of one and is a failure; where
            this is off, its end is `unknown`.

    Raises:
        UnansweredError: it means that there is no whole answer, or what it means is not known.
    """
    if reason is None or reason == "":
        if not ends:
            return "unknown"
        raise UnansweredError(
            "the server does not say why its answer ends (no finish_reason), so it may be a part "
            "of one; backend.ends=false takes such answers as they are"
        )
    name = reason.lower() if isinstance(reason, str) else None
    if name in MEANINGS:
        return MEANINGS[name]
    if name in TOOLS:
        raise UnansweredError(
            f"the model calls a tool instead of answering (finish_reason {reason!r})"
        )
    if name in BROKEN:
        raise UnansweredError(f"the server broke the answer off: finish_reason {reason!r}")
    raise UnansweredError(
        f"the answer ends for a reason that is not known: finish_reason {excerpt(reason)}"
    )
