"""What is found of a server that honours n, seed, stop and logprobs, ignores or refuses them."""

import asyncio
import json

import pytest

from harness.models.openai.bodies import Parameters
from harness.models.openai.exchange import Exchange
from harness.models.openai.faults import UnansweredError, fault_in, fault_of
from harness.models.openai.honouring import VOWELS, honoured, note_of
from harness.models.openai.reading import read_all
from harness.models.openai.streams import joined
from harness.types.errors import HarnessError
from harness.types.records import Message, Request
from harness.types.settings import GenerationConfig

CHAT = Request("q", (Message("user", "What helps against hiccups?"),))
TEXT = Request("q", "Against hiccups it helps to")
ALL = {"n": "yes", "seed": "yes", "stop": "yes", "logprobs": "yes: 2 likeliest tokens"}


class Wire:
    """Answers like a server that honours all but what it is made to ignore or refuse."""

    def __init__(self, ignores=(), refuses=(), constant=False, copies=False, text=None, end="stop"):
        self.ignores, self.refuses = set(ignores), set(refuses)
        self.constant, self.copies, self.text = constant, copies, text
        self.end, self.drawn = end, 0
        self.bodies = []

    async def ask(self, body):
        self.bodies.append(body)
        for name in self.refuses & set(body):
            fault = fault_of(400, {"error": {"message": f"'{name}' is not supported"}})
            raise UnansweredError(str(fault), fault=fault)
        said = body["messages"][-1]["content"] if "messages" in body else body["prompt"]
        count = 1 if "n" in self.ignores else body.get("n", 1)
        texts = [self._text(said, body, place) for place in range(count)]
        return {"choices": [self._choice(body, text, place) for place, text in enumerate(texts)]}

    def _text(self, said, body, place):
        if self.text is not None:
            return self.text
        if body["temperature"] == 0:
            whole = "The air scatters blue light most."
            ends = VOWELS if body.get("stop") and "stop" not in self.ignores else ()
            return whole[: min((whole.find(end) for end in ends), default=None)]
        self.drawn += 1
        seed = self.drawn if "seed" in self.ignores else body["seed"]
        return f"words {0 if self.constant else seed} {0 if self.copies else place}"

    def _choice(self, body, text, place):
        said = {"message": {"content": text}} if "messages" in body else {"text": text}
        tops = [{"token": "R", "logprob": -0.4}, {"token": "T", "logprob": -2.0}]
        listed = {"content": [{"top_logprobs": tops}]}
        if "messages" not in body:
            listed = {"top_logprobs": [{top["token"]: top["logprob"] for top in tops}]}
        given = listed if "logprobs" in body and "logprobs" not in self.ignores else None
        return {"index": place, "finish_reason": self.end, "logprobs": given, **said}

    def plain(self, reason):
        return reason

    async def close(self):
        pass


def heeds_of(wire, first=CHAT, **parameters):
    return asyncio.run(honoured(wire, 4, Parameters(**parameters), "m", first))


@pytest.mark.parametrize("first", [CHAT, TEXT])
def test_what_a_server_honours_is_found_by_six_small_requests(first):
    wire = Wire()
    assert heeds_of(wire, first) == ALL
    assert len(wire.bodies) == 6
    assert max(body["max_tokens"] for body in wire.bodies) == 16


@pytest.mark.parametrize(
    ("wire", "name", "reason"),
    [
        (Wire(ignores=["seed"]), "seed", "ignored: one seed gave two answers"),
        (Wire(constant=True), "seed", "not known: draws of two seeds were the same"),
        (Wire(text=""), "seed", "not known: a draw held no text"),
        (Wire(ignores=["n"]), "n", "ignored: one answer came where two were asked for"),
        (Wire(copies=True), "n", "ignored: the same answer came twice where two draws were asked"),
        (Wire(refuses=["n"]), "n", "refused: the server answered 400: 'n' is not supported"),
        (Wire(ignores=["stop"]), "stop", "ignored: an answer went on behind a stop string"),
        (Wire(text="The"), "stop", "yes"),
        (Wire(text="The sky"), "stop", "ignored: an answer went on behind a stop string"),
        (Wire(text="Sky", end="length"), "stop", "not known: no stop string was met"),
        (Wire(refuses=["stop"]), "stop", "refused: the server answered 400: 'stop' is not"),
        (Wire(ignores=["logprobs"]), "logprobs", "ignored: the server's answer holds no log-"),
        (Wire(refuses=["logprobs"]), "logprobs", "refused: the server answered 400: 'logprobs'"),
    ],
)
def test_what_a_server_ignores_or_refuses_is_said_of_that_alone(wire, name, reason):
    heeds = heeds_of(wire)
    assert heeds.pop(name).startswith(reason)
    others = {other: what for other, what in ALL.items() if other != name}
    if wire.text is None:
        assert heeds == others


def test_copies_are_called_so_only_where_other_seeds_differ():
    assert heeds_of(Wire(constant=True, copies=True))["n"] == "yes"


def test_what_is_not_sent_is_not_asked():
    wire = Wire(ignores=["seed", "stop"])
    heeds = heeds_of(wire, seeds=False, omit=("stop",))
    assert (heeds["seed"], heeds["stop"]) == ("not sent", "not sent")
    assert not any("seed" in body or "stop" in body for body in wire.bodies)


def test_what_the_run_relies_on_is_said_and_answers_that_are_copies_end_it():
    heeds = ALL | {"seed": "ignored: one seed gave two answers"}
    drawn = GenerationConfig(temperature=1.0)
    assert note_of(heeds, drawn, False).endswith("; what is asked again is drawn anew")
    assert "drawn anew" not in note_of(heeds, GenerationConfig(), False)
    alike = heeds_of(Wire(constant=True))
    assert "the server draws nothing" in note_of(alike, drawn, False)
    copies = heeds_of(Wire(copies=True))
    with pytest.raises(HarnessError, match=r"same answer came twice .* set backend\.together=f"):
        note_of(copies, drawn, True)


def test_a_run_asks_once_and_records_what_it_found():
    wire = Wire(ignores=["seed"])
    exchange = Exchange("m", "http://localhost/v1", "KEY", Parameters())
    settings = GenerationConfig(max_new_tokens=40, temperature=1.0)
    for _ in range(2):
        assert [a for part in exchange.generate(wire, [CHAT], settings, 0) for a in part]
    assert len([body for body in wire.bodies if body["max_tokens"] != 40]) == 6
    assert exchange.remarks["probe"]["honours"]["seed"] == "ignored: one seed gave two answers"
    (note,) = exchange.notes
    assert note == (
        "asked at the start, the server honours n, stop, logprobs; seed ignored: one seed gave two "
        "answers; what is asked again is drawn anew"
    )
    quiet = Exchange("m", "http://localhost/v1", "KEY", Parameters(), probe=False)
    list(quiet.generate(wire, [CHAT], settings, 0))
    assert (quiet.remarks, quiet.notes) == ({}, [])


def events(*pieces, end="data: [DONE]\n\n"):
    return "".join(f"data: {json.dumps(piece)}\n\n" for piece in pieces) + end


def piece(index=0, finish=None, **delta):
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


def test_a_stream_is_read_as_the_answer_whose_pieces_it_brings():
    text = ": keep-alive\n\nevent: message\n" + events(
        piece(role="assistant", content=""), piece(reasoning_content="Let me "),
        piece(reasoning_content="see."), piece(content="Take "), piece(content="two."),
        piece(finish="length"),
        {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5}},
    )  # fmt: skip
    (answer,) = read_all(joined(text), CHAT, (3,))
    assert (answer.text, answer.thinking, answer.finish_reason) == (
        "Take two.",
        "Let me see.",
        "length",
    )
    assert (answer.index, answer.prompt_tokens, answer.tokens) == (3, 7, 5)


def test_a_stream_of_several_answers_keeps_them_apart():
    text = events(piece(1, content="B"), piece(0, content="A"), piece(0, "stop"), piece(1, "stop"))
    assert [answer.text for answer in read_all(joined(text), CHAT, (0, 1))] == ["A", "B"]


def test_a_stream_of_text_and_of_weights_is_whole():
    one = {"choices": [{"index": 0, "text": "to ", "logprobs": {"top_logprobs": [{"to": -0.1}]}}]}
    two = {"choices": [{"index": 0, "text": "sip", "logprobs": {"top_logprobs": [{"sip": -0.2}]},
                        "finish_reason": "stop"}]}  # fmt: skip
    (choice,) = joined(events(one, two))["choices"]
    assert (choice["text"], len(choice["logprobs"]["top_logprobs"])) == ("to sip", 2)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (events(piece(content="Take two."), end=""), "broke off before its end"),
        (events(end="data: [DONE]\n\n"), "holds no piece of an answer"),
        ("data: {half\n\n", "holds what cannot be read"),
    ],
)
def test_a_stream_that_broke_off_is_no_answer(text, reason):
    with pytest.raises(UnansweredError, match=reason) as caught:
        joined(text)
    assert caught.value.again


def test_an_error_within_a_stream_is_the_answer_s():
    text = events(piece(content="Take"), {"error": {"message": "worker died", "code": 500}})
    assert fault_in(joined(text)).words == "worker died"


def test_an_answer_without_an_end_after_a_whole_stream_may_be_a_part_of_one():
    (answer,) = read_all(joined(events(piece(content="Take two."))), CHAT, (0,))
    assert "does not say why its answer ends" in answer.error
