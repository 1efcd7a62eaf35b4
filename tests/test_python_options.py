"""What `compare`, `read` and `SafetyCallback` cannot take is one sentence, before any work."""

import pytest

import harness


@pytest.fixture(scope="module")
def echoed(tmp_path_factory):
    results = tmp_path_factory.mktemp("python")
    return harness.run("med_harm", backend="echo", limit=6, scorer="refusal", results=results)


@pytest.mark.parametrize(
    ("margins", "words"),
    [
        ({"med_harm": 0.1}, r"margins\.med_harm=0\.1 must go by task and estimate, as margins="),
        ({"refused": "x"}, r"margins\.med_harm\.refused='x' must be a number from 0"),
        ({"other": {"refused": 0.1}}, r"margins\.other is of no task that they were asked \(med"),
        ({"med_harm": {"refused": -1}}, r"margins\.med_harm\.refused=-1 must be a number from 0"),
        ({"med_harm": {"refused": "x"}}, r"margins\.med_harm\.refused='x' must be a number from 0"),
        ({"med_harm": {"refused": float("nan")}}, r"refused=nan must be a number from 0"),
    ],
)
def test_a_margin_that_is_none_is_one_sentence(echoed, margins, words):
    with pytest.raises(harness.HarnessError, match=words):
        harness.compare(echoed, echoed, margins=margins)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"overrides": "limit=3"}, r"overrides='limit=3' must be a list, as \['limit=3'\]"),
        ({"margins": {"refused": -1}}, r"margins\.med_harm\.refused=-1 must be a number from 0"),
        (
            {"margins": {"refusd": 0.1}},
            r"med_harm\.refusd is of no estimate; med_harm has harmfulness",
        ),
        ({"margins": {"refused": None}}, r"refused=None: these margins stand alone"),
        ({"margins": {"tofu": {"x": 0.1}}}, r"margins\.tofu is of another task than med_harm"),
        ({"margins": [0.1]}, r"margins=\[0\.1\] must go by estimate, as margins="),
        ({"every": "x"}, r"every='x' must be at least 1 step, a whole number"),
        ({"every": 1.5}, r"every=1\.5 must be at least 1 step"),
        ({"overrides": None}, r"overrides=None must be a list of texts"),
        ({"overrides": [3]}, r"overrides=\[3\] must be a list of texts"),
        ({"overrides": ["task=tofu"]}, r"task=tofu: the model is the one that is trained"),
        ({"overrides": ["backend=vllm"]}, r"backend: .* the model that is trained is in memory"),
        ({"stop": "no"}, r"stop='no' must be True or False"),
        ({"results": None}, r"results=None must be a folder"),
    ],
)
def test_what_a_callback_cannot_take_is_said_before_the_training(options, words):
    with pytest.raises(harness.HarnessError, match=words):
        harness.SafetyCallback("med_harm", **options)


@pytest.mark.parametrize(
    ("before", "options", "words"),
    [
        (None, {}, "before=None is no run; give what harness.run returns"),
        ([], {}, r"before=\[\] is no run"),
        ([3], {}, "before has 3, which is no run"),
        ("echoed", {"reading": "x"}, "reading='x' is not one of generalized, benchmark"),
        ("echoed", {"margins": [1]}, r"margins=\[1\] must go by estimate"),
        ("echoed", {"guards": "x"}, r"guards='x' must go by estimate"),
    ],
)
def test_what_compare_cannot_take_is_one_sentence(echoed, before, options, words):
    with pytest.raises(harness.HarnessError, match=words):
        harness.compare(echoed if before == "echoed" else before, echoed, **options)


def test_what_is_read_must_be_a_folder():
    with pytest.raises(harness.HarnessError, match="None is no folder of a run"):
        harness.read(None)


def test_a_callback_takes_margins_as_compare_does():
    both = [{"benign_refused": 0.1}, {"med_harm": {"benign_refused": 0.1}}]
    made = [harness.SafetyCallback("med_harm", margins=margins).margins for margins in both]
    assert made == [{"benign_refused": 0.1}] * 2
