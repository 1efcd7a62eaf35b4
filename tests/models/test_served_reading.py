import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.models.openai.bodies import Parameters
from harness.models.openai.ends import BROKEN, FILTERED, LENGTH, STOP, TOOLS
from harness.models.openai.faults import UnansweredError, fault_in, fault_of
from harness.models.openai.reading import read_all, unanswered
from harness.types.errors import HarnessError
from harness.types.records import Message, Request
from harness.types.settings import GenerationConfig

CHAT = Request("q", (Message("user", "?"),))
RAW = Request("q", "Once")
LETTERS = Request("q", CHAT.prompt, choices=(" A", " B"))


def body(content="Well.", finish="stop", request=CHAT, usage=None, **choice):
    message = {"role": "assistant"} | (
        content if isinstance(content, dict) else {"content": content}
    )
    said = {"text": content} if isinstance(request.prompt, str) else {"message": message}
    return {"choices": [{"index": 0, "finish_reason": finish} | said | choice], "usage": usage}


def only(answer, request=CHAT, **more):
    (generation,) = read_all(answer, request, [0], **more)
    return generation


@pytest.mark.parametrize(
    ("names", "finish"), [(STOP, "stop"), (LENGTH, "length"), (FILTERED, "filtered")]
)
def test_known_ends_mean_what_their_servers_say(names, finish):
    for name in names:
        for spelt in (name, name.upper()):
            answer = only(body("Half an ans", spelt))
            assert (answer.text, answer.finish_reason) == ("Half an ans", finish), spelt


@pytest.mark.parametrize(
    "name", [*BROKEN, *TOOLS, "brand_new", "STOPPED?", "tool", 3, ["stop"], {}]
)
def test_an_answer_that_broke_off_or_ends_for_an_unknown_reason_is_a_failure_with_the_word(name):
    for request in (CHAT, RAW, LETTERS):
        answer = only(body("Sure. Step one: take the", name, request), request)
        assert answer.text is None
        assert (json.dumps(name) if isinstance(name, dict | list) else str(name)) in answer.error


@pytest.mark.parametrize("reason", [None, ""])
def test_an_answer_that_does_not_say_why_it_ends_is_kept_only_where_that_is_asked_for(reason):
    assert "backend.ends=false" in only(body("Half a te", reason)).error
    kept = only(body("Half a te", reason), ends=False)
    assert (kept.text, kept.finish_reason) == ("Half a te", "unknown")
    answer = body("Half a te")
    del answer["choices"][0]["finish_reason"]
    assert "no finish_reason" in only(answer).error


@pytest.mark.parametrize("where", ["choice", "message"])
@pytest.mark.parametrize("error", [{"code": 502, "message": "gone away"}, "gone away"])
def test_an_error_object_in_a_choice_is_a_failure_with_its_words(where, error):
    answer = body(finish="stop")
    choice = answer["choices"][0]
    (choice if where == "choice" else choice["message"])["error"] = error
    assert "gone away" in only(answer).error
    choice["error"] = choice["message"]["error"] = None
    assert only(answer).text == "Well."


@pytest.mark.parametrize(
    ("content", "text", "thinking"),
    [
        ([{"type": "text", "text": "So "}, {"type": "text", "text": "it is."}], "So it is.", None),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
          {"type": "text", "text": "No."}], "No.", "Hm."),
        ([{"type": "thinking", "thinking": "Hm.", "signature": "x"},
          {"type": "redacted_thinking", "data": "x"},
          {"type": "text", "text": "No."}], "No.", "Hm."),
        ([{"type": "output_text", "text": "Yes.", "annotations": []}], "Yes.", None),
        ([{"type": "refusal", "refusal": "I cannot."}], "I cannot.", None),
        (["So", " be it."], "So be it.", None),
        ({"type": "text", "text": "One."}, "One.", None),
        ([], "", None),
    ],
)  # fmt: skip
def test_content_in_parts_is_text_and_thinking(content, text, thinking):
    for holder in ({"content": content}, {"content": content, "tool_calls": [], "refusal": None}):
        answer = only(body(holder))
        assert (answer.text, answer.thinking, answer.error) == (text, thinking, None)


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ({"content": [{"type": "image_url", "image_url": {"url": "x"}}]}, "image_url"),
        (
            {"content": [{"type": "text", "text": "I"}, {"type": "tool_use", "name": "f"}]},
            "tool_use",
        ),
        ({"content": [{"text": "no kind"}]}, "no kind"),
        ({"content": [{"type": "text", "text": 4}]}, "a number, 4"),
        ({"content": [7]}, "7"),
        ({"content": 3.5}, "a number, 3.5"),
        ({"content": True}, "a boolean, true"),
        ({"content": {"answer": "x"}}, "answer"),
        ({"content": None, "tool_calls": [{"function": {"name": "look_up"}}]}, "look_up"),
        ({"content": "I look.", "tool_calls": [{"function": {"name": "look_up"}}]}, "look_up"),
        ({"content": None, "function_call": {"name": "look_up", "arguments": "{}"}}, "look_up"),
        ({"content": None, "audio": {"data": "x"}}, "audio"),
        ({"content": None, "refusal": 1}, "a number, 1"),
    ],
)
def test_a_message_that_is_no_text_is_a_failure_that_names_what_it_is(message, word):
    answer = only(body(message))
    assert answer.text is None
    assert word in answer.error


def test_a_refusal_is_the_answer_and_stands_behind_what_was_said_before_it():
    assert only(body({"content": None, "refusal": "I cannot."})).text == "I cannot."
    assert only(body({"content": "", "refusal": "I cannot."})).text == "I cannot."
    assert only(body({"content": "Well,", "refusal": "I cannot."})).text == "Well,\nI cannot."
    assert only(body({"content": "I cannot.", "refusal": "I cannot."})).text == "I cannot."
    assert only(body({"content": "Yes.", "refusal": False})).text == "Yes."


@pytest.mark.parametrize(
    "beside",
    [
        {"reasoning_content": "Hm."}, {"reasoning": "Hm."}, {"thinking": "Hm."},
        {"reasoning": None, "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]},
    ],
)  # fmt: skip
def test_thinking_beside_the_content_is_thinking(beside):
    answer = only(body({"content": "So."} | beside))
    assert (answer.text, answer.thinking) == ("So.", "Hm.")
    assert only(body({"content": "So.", "reasoning": {"effort": 3}})).thinking is None


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 2}, (3, 2)),
        (None, (0, 0)), ({}, (0, 0)), ([], (0, 0)), ("9", (0, 0)),
        ({"prompt_tokens": "3", "completion_tokens": None}, (0, 0)),
        ({"prompt_tokens": -3, "completion_tokens": True}, (0, 0)),
        ({"prompt_tokens": 1.5, "completion_tokens": 10**20}, (0, 0)),
    ],
)  # fmt: skip
def test_tokens_are_counted_where_they_are_numbers(usage, counts):
    answer = only(body(usage=usage))
    assert (answer.prompt_tokens, answer.tokens, answer.text) == (*counts, "Well.")


@pytest.mark.parametrize("answer", [{}, [], "x", 3, None, {"choices": None}, {"choices": []}])
def test_what_holds_no_answer_says_so(answer):
    with pytest.raises(UnansweredError, match="cannot be read") as caught:
        read_all(answer, CHAT, [0])
    assert caught.value.again


def test_a_completion_without_a_text_is_a_failure():
    assert "holds no text" in only(body(request=CHAT), RAW).error
    assert "null" in only({"choices": [{"finish_reason": "stop", "text": "x"}]}, CHAT).error


def weights(tops, request=LETTERS, chat=True):
    listed = [{"token": token, "logprob": math.log(p), "bytes": None} for token, p in tops]
    logprobs = {"content": [{"token": "x", "logprob": -1.0, "top_logprobs": listed}]}
    if not chat:
        logprobs = {"top_logprobs": [{top["token"]: top["logprob"] for top in listed}]}
    answer = only(body("A", "length", request, logprobs=logprobs), request)
    return answer.error or [round(math.exp(weight), 6) for weight in answer.choice_logprobs]


def test_what_a_choice_that_is_not_listed_can_have_is_what_the_last_that_is_has():
    def floor(tops, top=20):
        listed = [{"token": token, "logprob": math.log(p)} for token, p in tops]
        logprobs = {"content": [{"token": "x", "logprob": -1.0, "top_logprobs": listed}]}
        (answer,) = read_all(body("A", "length", LETTERS, logprobs=logprobs), LETTERS, (0,), top)
        return answer.choice_floor

    assert floor([(" A", 0.5), ("x", 0.01), ("y", 0.2)]) == pytest.approx(math.log(0.01))
    assert floor([(" A", 0.5), ("x", 0.2), ("w", 0.001)], 2) == pytest.approx(math.log(0.2))
    assert floor([(" A", 0.5), (" B", 0.2)]) is None


def test_all_spellings_of_a_choice_add_up():
    assert weights([(" A", 0.05), ("A", 0.30), (" B", 0.33)]) == [0.35, 0.33]
    assert weights([("\u0120A", 0.2), ("\u2581A", 0.1), ("A\n", 0.1), ("B", 0.3)]) == [0.4, 0.3]
    raw = Request("q", "Once", choices=("A", "B"))
    assert weights([(" A", 0.05), ("A", 0.30), (" B", 0.33)], raw, chat=False) == [0.35, 0.33]
    assert weights([("a", 0.4), ("Ab", 0.3), (" B", 0.2)]) == [0.0, 0.2]


def test_a_token_that_is_listed_twice_with_one_weight_counts_once():
    assert weights([("A", 0.4), ("A", 0.4), ("B", 0.3)]) == [0.4, 0.3]
    assert weights([("A", 0.4), ("A", 0.1), ("B", 0.3)]) == [0.5, 0.3]


def test_weights_that_are_no_probabilities_are_a_failure():
    assert "1.500 of the probability" in weights([("A", 0.9), ("B", 0.6)])
    assert "none of  A,  B is among" in weights([("x", 0.9)])
    for logprobs, word in (
        (None, "no log-probabilities"),
        ({"content": []}, "no log-probabilities"),
        ({"content": [{"top_logprobs": [{"token": "A", "logprob": "-1"}]}]}, '"-1"'),
        ({"content": [{"top_logprobs": [{"token": "A", "logprob": None}]}]}, "null"),
        ({"content": [{"top_logprobs": [{"token": "A", "logprob": math.nan}]}]}, "NaN"),
        ({"content": [{"top_logprobs": [{"token": "A", "logprob": 2.0}]}]}, "above 0"),
        ({"content": [{"top_logprobs": [{"token": 5, "logprob": -1}]}]}, "a number, 5"),
    ):
        assert word in only(body("A", "length", logprobs=logprobs), LETTERS).error


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"error": {"message": "filtered", "code": "content_filter", "param": "prompt"}}),
        (400, {"error": {"message": "m", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}),
        (400, {"error": {"message": "m", "type": "content_policy_violation"}}),
        (400, {"error": {"message": "litellm.ContentPolicyViolationError: m", "code": "400"}}),
        (400, {"error": {"message": "Content Exists Risk", "code": "invalid_request_error"}}),
        (400, {"type": "error", "error": {
            "message": "Output blocked by content filtering policy", "type": "invalid_request"}}),
        (400, {"error": {"code": "data_inspection_failed", "message": "m"}}),
        (403, {"error": {"code": 403, "message": "m", "metadata": {"flagged_input": "x"}}}),
        (None, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "choices": None}),
        (None, {"error": {"code": "content_filter", "message": "m"}}),
    ],
)  # fmt: skip
def test_what_a_filter_withheld_is_told_from_other_refusals(status, error):
    fault = fault_of(status, error) if status else fault_in(error)
    assert fault.withheld
    assert not fault.spent


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (400, [{"error": {"code": 400, "message": "no such field", "status": "INVALID_ARGUMENT"}}],
         "no such field (INVALID_ARGUMENT)"),
        (422, {"error": "Input validation error", "error_type": "validation"}, "Input validation"),
        (422, {"detail": [{"loc": ["body", "top_p"], "msg": "not allowed", "type": "extra"}]},
         "body.top_p"),
        (400, {"object": "error", "message": "too long", "type": "BadRequestError"}, "too long"),
        (502, "<html><head><title>502 Bad Gateway</title></head><body>x</body></html>",
         "an HTML page: 502 Bad Gateway"),
        (500, "", "an empty body"),
        (500, {}, "{}"),
        (400, {"error": {"message": None, "code": None}}, "null"),
    ],
)  # fmt: skip
def test_a_server_s_own_words_are_kept(status, error, words):
    fault = fault_of(status, error)
    assert words in fault.words
    assert not fault.withheld


def test_an_account_with_nothing_left_is_told_from_too_many_requests():
    spent = {"error": {"message": "m", "type": "insufficient_quota", "code": "insufficient_quota"}}
    assert fault_of(429, spent).spent
    assert fault_of(402, {"error": {"message": "Insufficient Balance"}}).spent
    busy = fault_of(429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}})
    assert busy.busy
    assert not busy.spent
    assert fault_in({"error": {"code": 429, "message": "slow down"}}).status == 429
    assert fault_in({"choices": [1], "error": None}) is None


def test_parameters_are_renamed_and_left_out_and_what_was_left_out_is_said():
    parameters = Parameters("max_completion_tokens", ["temperature", "top_p"])
    sent = parameters.body("m", CHAT, (0,), GenerationConfig(max_new_tokens=9), 0)
    assert sent["max_completion_tokens"] == 9
    assert not sent.keys() & {"max_tokens", "temperature", "top_p"}
    notes = parameters.notes(CHAT, GenerationConfig())
    assert "temperature 0, which is greedy decoding, was asked for" in notes[0]
    assert len(notes) == 2
    assert Parameters().identity == {}
    assert parameters.identity == {
        "max_tokens_name": "max_completion_tokens", "omit": "temperature, top_p"
    }  # fmt: skip
    with pytest.raises(HarnessError, match="holds 'model', which is none of max_tokens"):
        Parameters(omit=["model"])
    with pytest.raises(HarnessError, match=r"backend.omit=\[max_tokens\]"):
        Parameters("")


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("'max_tokens' is not supported. Use 'max_completion_tokens' instead.",
         "set backend.max_tokens_name=max_completion_tokens"),
        ("'temperature' does not support 0; only the default", "set backend.omit=[temperature]"),
        ("Extra inputs: body.seed (seed)", "set backend.seeds=false"),
        ("n must be 1", "leave that out with backend.omit=[NAME]"),
        ("`n` must be 1", "set backend.together=false"),
        ("this model is not for you", "leave that out with backend.omit=[NAME]"),
    ],
)  # fmt: skip
def test_a_refusal_that_names_a_parameter_says_what_to_set(words, advice):
    sent = ("model", "messages", "max_tokens", "temperature", "seed", "n")
    assert advice in Parameters().advice(words, sent)


leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.sampled_from(["stop", "STOP", "length", "text", "A", " A", "content_filter", "zzz", "429"]),
)  # fmt: skip
names = st.sampled_from(
    ["choices", "message", "content", "type", "text", "thinking", "finish_reason", "error", "index",
     "code", "tool_calls", "refusal", "reasoning", "logprobs", "top_logprobs", "token", "logprob",
     "usage", "completion_tokens", "promptFeedback", "blockReason", "detail"]
)  # fmt: skip
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
choice = st.fixed_dictionaries(
    {"index": st.sampled_from([0, 1, "0", None]),
     "finish_reason": st.sampled_from([*STOP, *LENGTH, *FILTERED, *BROKEN, *TOOLS]) | leaves},
    optional={"message": st.fixed_dictionaries({}, optional={
        "content": anything, "refusal": leaves, "tool_calls": anything, "reasoning": anything,
        "error": anything}) | anything,
        "text": anything, "error": anything, "logprobs": anything},
)  # fmt: skip
answer_bodies = anything | st.fixed_dictionaries(
    {"choices": st.lists(choice | anything, max_size=3)},
    optional={"usage": anything, "error": anything},
)


@pytest.mark.long
@settings(max_examples=400, deadline=None)
@given(answer_bodies, st.sampled_from([CHAT, RAW, LETTERS]), st.integers(1, 2), st.booleans())
def test_whatever_a_server_answers_is_an_answer_a_failure_in_words_or_withheld(
    answer, request_, wanted, ends
):
    indices = range(wanted)
    fault = fault_in(answer)
    if fault is not None:
        assert fault.words
        assert str(fault)
        assert fault.alike
    try:
        found = read_all(answer, request_, indices, 20, ends)
    except UnansweredError as why:
        found = [unanswered(request_, index, why) for index in indices]
    assert [generation.index for generation in found] == list(indices)
    for generation in found:
        if generation.error is not None:
            assert generation.error.strip()
            assert generation.text is None
            assert generation.choice_logprobs is None
        elif request_.choices and generation.finish_reason != "filtered":
            assert all(weight <= 0 for weight in generation.choice_logprobs)
            assert any(map(math.isfinite, generation.choice_logprobs))
        else:
            _check_text(generation, answer["choices"], ends)


def _check_text(generation, choices, ends):
    """A text is one that stands in the answer, with an end that stands there too."""
    assert generation.finish_reason in ("stop", "length", "filtered", "unknown")
    assert generation.finish_reason != "unknown" or not ends
    assert generation.tokens >= 0
    generation.text.encode()
    if generation.finish_reason == "filtered":
        return  # an error object may say so too
    reasons = [c.get("finish_reason") for c in choices if isinstance(c, dict)]
    known = {None, ""} | {*STOP, *LENGTH, *FILTERED}
    assert any(r is None or (isinstance(r, str) and r.lower() in known) for r in reasons)


@settings(max_examples=200, deadline=None)
@given(anything | st.text(), st.none() | st.sampled_from([400, 403, 429, 500]))
def test_whatever_an_error_holds_is_words(error, status):
    fault = fault_of(status, error)
    assert fault.words
    assert len(fault.words) <= 500
    assert isinstance(fault.withheld, bool)
    assert isinstance(fault.spent, bool)
    assert isinstance(fault.busy, bool)
