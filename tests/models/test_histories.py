"""Dialogues: what was computed of a turn is held to the next, and changes no text."""

from dataclasses import replace

import pytest
import torch

from harness.models.hf import loaded as of_loaded
from harness.models.hf import slots as of_slots
from harness.models.hf.cascade import Prefill
from harness.models.hf.histories import LEAST_ABOVE, PATIENCE, Histories, History
from harness.models.hf.levels import MASKED, Level
from harness.models.hf.model import HuggingFaceModel
from harness.models.hf.prefixes import Segment
from harness.models.hf.slots import Slots
from harness.types.records import Message, Request
from harness.types.settings import GenerationConfig

GREEDY = GenerationConfig(max_new_tokens=10)
SAMPLED = GenerationConfig(max_new_tokens=10, temperature=1.0, top_p=0.9, top_k=50)
SYSTEM = Message("system", "You listen to people who are not well, and you take your time.")


@pytest.fixture(scope="module")
def small(random_weights) -> HuggingFaceModel:
    """Some answers end before the last token."""
    return HuggingFaceModel(random_weights(ends=tuple(range(0, 49_152, 40))))


@pytest.fixture(scope="module")
def plain(small):
    """A dialogue's answers where nothing is held, which are written once."""
    known = {}

    def answers(settings, **of):
        asked = (settings.temperature, *of.items())
        if asked not in known:
            known[asked] = talk(small, settings, held=False, **of)
        small.load("float32").beginnings.clear()
        return known[asked]

    return answers


@pytest.fixture
def engine(small, monkeypatch):
    loaded = small.load("float32")
    for name in ("scale", "token_budget"):
        monkeypatch.setattr(loaded, name, getattr(loaded, name))
    yield loaded
    loaded.histories.clear()


def talk(model, settings, turns=4, people=5, held=True, system=(), n=1):
    """Each person says something longer each time; gives all answers by turn, person and index."""
    said = {(p, i): [] for p in range(people) for i in range(n)}
    answers = {}
    for turn in range(turns):
        requests = []
        for (p, i), before in said.items():
            text = f"I am person {p}, and {'very ' * (p + turn)}tired."
            before.append(Message("user", text))
            prompt = (*system, *before)
            after = f"{p}/{turn - 1}" if turn and held else None
            indices = (i,)
            requests.append(
                Request(f"{p}/{turn}", prompt, indices, after=after, open=held and turn < turns - 1)
            )
        for batch in model.generate(requests, settings, 0):
            for g in batch:
                person, _, at = g.sample_id.partition("/")
                said[int(person), g.index].append(Message("assistant", g.text))
                answers[int(at), int(person), g.index] = g
    return answers


def prefilled(engine, monkeypatch) -> list[int]:
    """Tokens of each forward over prompts."""
    seen, real = [], engine.forward

    def forward(tokens, positions, work, last):
        if not isinstance(work, Slots):
            seen.append(len(tokens))
        return real(tokens, positions, work, last)

    monkeypatch.setattr(engine, "forward", forward)
    return seen


@pytest.mark.parametrize("settings", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
@pytest.mark.parametrize(("system", "n"), [((), 1), ((SYSTEM,), 1), ((SYSTEM,), 2)])
def test_a_dialogue_has_the_texts_that_it_has_without_what_is_held(
    small, engine, plain, settings, system, n
):
    expected = plain(settings, system=system, n=n)
    assert talk(small, settings, system=system, n=n) == expected
    assert len(engine.histories) == 0


@pytest.mark.parametrize("held", [True, False])
def test_a_turn_costs_its_new_tokens(engine, small, monkeypatch, held):
    passes = prefilled(engine, monkeypatch)
    answers = talk(small, GREEDY, held=held)
    last = [g.prompt_tokens for (turn, *_), g in answers.items() if turn == 3]
    if held:
        # Random weights write what no tokenizer would: of some answers a part is run again.
        assert sum(passes) < 1.35 * sum(last)
    else:
        assert sum(passes) > 1.7 * sum(last)


@pytest.mark.parametrize("budget", [1, 150, 400, 900])
def test_memory_is_bounded_and_changes_no_text(engine, small, plain, monkeypatch, budget):
    expected = plain(SAMPLED, system=(), n=1)
    engine.token_budget = budget
    most, real = [0], Histories.keep

    def keep(histories, turn, history, limit):
        real(histories, turn, history, limit)
        most[0] = max(most[0], histories.tokens)

    monkeypatch.setattr(Histories, "keep", keep)
    assert talk(small, SAMPLED) == expected
    assert most[0] <= budget / 2
    assert (most[0] > 0) == (budget >= 150)


def test_what_memory_runs_out_of_is_written_anew(engine, small, plain, monkeypatch):
    expected = plain(GREEDY, system=(), n=1)
    real = engine.forward
    calls = [0]

    def forward(tokens, positions, work, last):
        calls[0] += 1
        if calls[0] in (15, 30):
            raise torch.OutOfMemoryError("out of memory")
        return real(tokens, positions, work, last)

    monkeypatch.setattr(engine, "forward", forward)
    assert talk(small, GREEDY) == expected


def test_a_dialogue_that_was_changed_goes_on_from_what_is_still_alike(small, engine):
    first = Request("a/0", (SYSTEM, Message("user", "I cannot sleep at night.")), open=True)
    list(small.generate([first], GREEDY, 0))
    assert len(engine.histories) == 1
    other = (SYSTEM, Message("user", "I cannot eat."), Message("assistant", "Oh."),
             Message("user", "No."))  # fmt: skip
    request = Request("a/1", other, after="a/0")
    ((answer,),) = small.generate([request], GREEDY, 0)
    assert len(engine.histories) == 0
    ((plain,),) = small.generate([replace(request, after=None)], GREEDY, 0)
    assert answer == plain


def history(tokens, parent=None):
    below = len(tokens) - (parent.end if parent else 0)
    return History(tokens, parent, [(torch.zeros(below, 1, 2), torch.zeros(below, 1, 2))])


def test_the_first_histories_stay_where_there_is_no_room():
    held = Histories()
    shared = Segment(tuple(range(20)), 0, None, 50)
    for number in range(4):
        held.keep((str(number), 0), history(tuple(range(30)), shared), most=45)
    assert (len(held), held.tokens) == (2, 40)  # 20 shared, and twice 10
    assert held.take(("3", 0)) is None
    assert held.take(("0", 0)).parent is shared
    assert held.tokens == 30
    for _ in range(PATIENCE):
        held.begin()
    assert len(held) == 1
    held.begin()
    assert (len(held), held.tokens) == (0, 0)


def test_a_prompt_goes_on_from_what_it_begins_with_but_for_its_last_token():
    tokens = tuple(range(100, 120))
    whole = history(tokens)
    assert whole.of((*tokens, 7, 8)).tokens == tokens
    assert whole.of(tokens).tokens == tokens[:-1]
    assert whole.of((*tokens[:12], 7, 8)).tokens == tokens[:12]
    assert whole.of((*tokens[:5], 7, 8)) is None
    below = history(tokens, Segment(tokens[:10], 0, None, 20)).of((*tokens, 7))
    assert (below.start, below.tokens, below.cache[0][0].shape[0]) == (10, tokens[10:], 10)


def pairs(tokens, seed):
    draw = torch.Generator().manual_seed(seed)
    return [tuple(torch.randn(tokens, 2, 8, generator=draw) for _ in range(2))]


def below(shared, private):
    return [
        Segment(tuple(range(n)), 4, shared, 30, pairs(n, n), private=private) for n in (9, 6, 7)
    ]


def test_rows_that_each_go_on_from_a_history_are_read_one_by_one_to_the_same_end(monkeypatch):
    shared = Segment(tuple(range(4)), 0, None, 30, pairs(4, 0))
    lengths = [3, 1, 5]
    query = torch.randn(9, 2, 3, 8, generator=torch.Generator().manual_seed(1))
    ((keys, values),) = pairs(9, 20)
    plain = Prefill(lengths, below(shared, private=False), torch.device("cpu"))
    expected = plain.attend(0, query, keys, values)
    for way in ("_joined", "_in_parts", "_fused"):  # which fill short rows
        monkeypatch.setattr(Prefill, way, None)
    parents = below(shared, private=True)
    work = Prefill(lengths, parents, torch.device("cpu"))
    torch.testing.assert_close(work.attend(0, query, keys, values), expected)
    row = [torch.cat([above, own[3:4]]) for above, own in
           zip(map(torch.cat, zip(shared.cache[0], parents[1].cache[0], strict=True)),
               (keys, values), strict=True)]  # fmt: skip
    weights = torch.einsum("hqw,khw->hqk", query[3], row[0]).softmax(-1)
    torch.testing.assert_close(expected[3], torch.einsum("hqk,khw->hqw", weights, row[1]))


def test_a_segment_is_read_for_the_rows_that_have_it_and_is_not_filled_to_a_larger_company():
    many, few, none = (Segment(tuple(range(n)), 0, None, 30, pairs(n, n)) for n in (6, 4, 3))
    parents = [many, few, None, *[many] * 8, none, few]
    level = Level(parents, [1] * len(parents), torch.device("cpu"))
    query = torch.randn(len(parents), 2, 3, 8, generator=torch.Generator().manual_seed(1))
    out, total = level.attend(0, query)
    run = [len(bucket.layer(0)[0]) * index.on(query.device).shape[1]
           for bucket, index, _ in level._buckets]  # fmt: skip
    assert run == [9, 2 * 2]  # of 3 x 9, and nothing of the row without one
    for at, segment in enumerate(parents):
        if segment is None:
            assert (out[at] == 0).all()
            assert (total[at] == MASKED).all()
            continue
        scores = torch.einsum("hqw,khw->hqk", query[at], segment.cache[0][0])
        expected = torch.einsum("hqk,khw->hqw", scores.softmax(-1), segment.cache[0][1])
        torch.testing.assert_close(out[at], expected)
        torch.testing.assert_close(total[at], scores.logsumexp(-1))


def test_a_history_has_nothing_above_it_but_what_is_long_and_first():
    root = Segment(tuple(range(4)), 0, None, 99, pairs(4, 0))
    long = Segment(tuple(range(LEAST_ABOVE)), 4, root, 99, pairs(LEAST_ABOVE, 1))
    short = Segment(tuple(range(9)), long.end, long, 99, pairs(9, 2))
    whole = History(tuple(range(short.end + 5)), short, pairs(5, 3)).alone()
    assert whole.parent is long
    for held, parts in zip(whole.cache[0], zip(short.cache[0], pairs(5, 3)[0], strict=True),
                           strict=True):  # fmt: skip
        torch.testing.assert_close(held, torch.cat(parts), rtol=0, atol=0)
    earlier = Segment(tuple(range(9)), 4, root, 99, pairs(9, 2), private=True)
    repeated = Segment(tuple(range(70)), 13, earlier, 99, pairs(70, 4))
    whole = History(tuple(range(85)), repeated, pairs(2, 3)).alone()
    assert whole.parent is root
    assert [len(x) for x in whole.cache[0]] == [81, 81]
    only = History(tuple(range(85)), replace(repeated, parent=None, private=True), pairs(2, 3))
    assert only.alone().parent is None
    plain = History(tuple(range(9)), root, pairs(5, 3))
    assert plain.alone() is plain


def test_dialogues_that_say_the_same_for_many_turns_are_held_to_their_end(small, engine):
    """What is the same in two dialogues stands above both; of many turns it is no pile."""
    say = [Message("user", "I am tired, and I have been so for many weeks by now.")]
    chains = []
    for turn in range(8):
        after = [f"{p}/{turn - 1}" if turn else None for p in range(3)]
        requests = [Request(f"{p}/{turn}", tuple(say), after=after[p], open=True) for p in range(3)]
        (text,) = {g.text for batch in small.generate(requests, GREEDY, 0) for g in batch}
        say += [Message("assistant", text), Message("user", f"And {turn} times more than that.")]
        assert len(engine.histories) == 3
        chains += [
            len(h.parent.chain()) if h.parent else 0 for h in engine.histories._held.values()
        ]
    assert max(chains) <= 1


def test_all_rows_of_a_turn_have_slots_from_the_first_on_with_room_for_their_answers(
    engine, small, monkeypatch
):
    grown, real = [], of_slots._grown

    def watched(*args):
        grown.append(args)
        return real(*args)

    monkeypatch.setattr(of_slots, "_grown", watched)
    monkeypatch.setattr(of_loaded, "PASS_TOKENS", 40)  # so that rows enter one after another
    turns = 3
    talk(small, GREEDY, turns=turns)
    assert len(grown) == turns * 2 * engine.model.config.num_hidden_layers
