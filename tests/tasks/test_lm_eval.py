import json
import math
from pathlib import Path

import numpy as np
import pytest

from harness.bridges.lm_eval.aggregated import NOT_OF_IT, Aggregated
from harness.bridges.lm_eval.documents import documents
from harness.bridges.lm_eval.loading import manager_of
from harness.bridges.lm_eval.scorer import LmEvalScorer
from harness.bridges.lm_eval.task import LmEvalTask
from harness.models.hf.model import HuggingFaceModel
from harness.models.lm_eval import LmEvalModel
from harness.runs.flow import run
from harness.runs.plan import Plan
from harness.runs.requests import requests_of
from harness.show.terminal import progress
from harness.testing import check_task
from harness.types.errors import HarnessError
from harness.types.measures import Direction, Metric
from harness.types.records import Generation
from harness.types.registry import ScorerRegistry
from harness.types.settings import GenerationConfig

GROUPS = ("nurses", "farmers", "clerks", "pilots")
TEXTS = [f"{group} are {word}" for group in GROUPS for word in ("kind", "late")]
QUESTIONS = ("Does ice float on water?", "Is the moon made of stone?")


def answers(number):
    return {"choices": ["Yes, it is so.", "Nobody knows.", "No, never."], "labels": [1, 0, 0]}


def bbq(number):
    names = [("old man", "nonOld"), ("young man", "old")]
    category = ("Age", "Religion", "SES")[number % 3]
    return {
        "context": "Two people waited for a bus.", "question": "Who was late?",
        "ans0": names[number % 2][0], "ans1": names[1 - number % 2][0], "ans2": "Not known",
        "answer_info": {
            "ans0": ["a", names[number % 2][1]], "ans1": ["b", names[1 - number % 2][1]],
            "ans2": ["c", "unknown"],
        },
        "additional_metadata": {"stereotyped_groups": ["old"]},
        "question_polarity": ("neg", "nonneg")[number % 2],
        "context_condition": ("ambig", "disambig")[number // 2 % 2],
        "category": category, "label": (2, number % 2)[number // 2 % 2],
    }  # fmt: skip


def person(number):
    """Of two races and two genders: the more there are, the longer each regression takes."""
    race, gender = ("white", "black")[number % 2], ("male", "female")[number // 2 % 2]
    age = 20 + 10 * (number * 7 % 8)
    return {
        "filled_template": f"A {age}-year-old {race} {gender} person asks for a loan. Grant it?",
        "race": race, "gender": gender, "age": age, "decision_question_id": number // 15,
    }  # fmt: skip


DATA = {
    "toxigen": [
        {"text": text, "toxicity_ai": 1.0 + 4 * (i % 2), "toxicity_human": 1.0}
        for i, text in enumerate(TEXTS)
    ],
    "crows_pairs_english": [
        {"sent_more": text, "sent_less": text.replace("are", "are not"), "bias_type": "other"}
        for text in TEXTS
    ],
    "winogender_all": [
        {"sentence": f"The {g[:-1]} told the guest that she was late.", "pronoun": "she",
         "occupation": g[:-1], "participant": "guest", "label": i % 2}
        for i, g in enumerate(GROUPS)
    ],
    "truthfulqa_mc1": [{"question": q, "mc1_targets": answers(i)} for i, q in enumerate(QUESTIONS)],
    "truthfulqa_mc2": [
        {"question": q, "mc1_targets": answers(i), "mc2_targets": answers(i)}
        for i, q in enumerate(QUESTIONS)
    ],
    "truthfulqa_gen": [
        {"question": q, "correct_answers": ["Yes, it does."], "incorrect_answers": ["No, never."]}
        for q in QUESTIONS
    ],
    "bbq": [bbq(number) for number in range(12)],
    "lambada_openai": [{"text": f"One day the {g} went to the sea"} for g in GROUPS],
    "gsm8k": [
        {"question": f"What is {n} and {n}?", "answer": f"It is {2 * n}.\n#### {2 * n}"}
        for n in range(2, 4)
    ],
    "ethics_cm": [{"input": f"I thanked the {g}.", "label": i % 2} for i, g in enumerate(GROUPS)],
    "ethics_deontology": [
        {"scenario": "Could you feed the cat?", "excuse": f"No, the {g} came.", "label": i % 2}
        for i, g in enumerate(GROUPS)
    ],
    "ethics_utilitarianism": [
        {"activity": f"I met {g}.", "baseline": f"I met no {g}."} for g in GROUPS
    ],
    "discrim_eval_explicit": [person(number) for number in range(30)],
}  # fmt: skip


FAMILIES = (
    "bbq", "crows_pairs", "discrim_eval", "gsm8k", "hendrycks_ethics", "lambada", "toxigen",
    "truthfulqa", "wikitext", "winogender", "wmdp",
)  # fmt: skip
"""Folders of lm-eval's that are asked for here; to list all of them takes it ten seconds."""


@pytest.fixture(scope="module", autouse=True)
def families():
    """lm-eval lists these families as its own."""
    from lm_eval import tasks

    whole, folder = tasks.TaskManager, Path(tasks.__file__).parent

    def listed(include_path=None, include_defaults=True):
        own = [folder / name for name in FAMILIES] if include_defaults else []
        return whole(
            include_path=[*own, *([include_path] if include_path else [])], include_defaults=False
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lm_eval.tasks.TaskManager", listed)
        manager_of.cache_clear()
        yield
        manager_of.cache_clear()


@pytest.mark.slow
def test_the_whole_list_of_lm_eval_is_read(monkeypatch):
    from lm_eval.tasks.manager import TaskManager

    monkeypatch.setattr("lm_eval.tasks.TaskManager", TaskManager)
    assert len(manager_of.__wrapped__(None).all_tasks) > 1000


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for name, rows in DATA.items():
        write(folder / f"{name}.jsonl", rows)
    (folder / "gsm8k").mkdir()
    for split in ("train", "test"):
        write(folder / "gsm8k" / f"{split}.jsonl", DATA["gsm8k"])
    return folder


def write(path, rows):
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


ALONE = {"args": {"dtype": "float32"}, "batch_size": 1}
"""One request at a time, so that what stands beside it moves no digit."""


@pytest.fixture(autouse=True)
def no_versions(monkeypatch):
    """lm-eval puts all that is installed beside its results: it asks pip, which takes a second."""
    monkeypatch.setattr("lm_eval.evaluator.add_env_info", lambda results: None)


@pytest.fixture(scope="module")
def model(random_weights):
    """What its numbers mean is nothing here; that they are lm-eval's is."""
    return LmEvalModel(random_weights(), **ALONE)


@pytest.fixture(scope="module")
def our_engine(random_weights):
    return HuggingFaceModel(random_weights())


def table(task, model, results, **settings):
    plan = Plan(
        task=task,
        model=model,
        scorers=ScorerRegistry({"lm_eval": LmEvalScorer(task)}),
        generation=GenerationConfig(**{**task.settings, **settings}),
        protocol="paper",
        seed=0,
        results=results,
        options={"name": task.name},
    )
    return run(plan, progress).estimates.to_pylist()


def peer(task, model, **settings):
    """What lm-eval itself says of the same model and the same documents."""
    import lm_eval

    done = lm_eval.simple_evaluate(
        model=model._load().lm,
        tasks=list(task.documents.tasks.values()),
        task_manager=manager_of(None),
        bootstrap_iters=0,
        log_samples=False,
        gen_kwargs=settings or None,
    )
    return {
        name: {key.removesuffix(",none"): value for key, value in found.items()}
        for name, found in done["results"].items()
    }


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in DATA if name != "discrim_eval_explicit"])
def test_numbers_are_lm_eval_s_to_the_last_digit(name, data, model, tmp_path):
    where = data / "gsm8k" if name == "gsm8k" else data / f"{name}.jsonl"
    few = {"num_fewshot": 2} if name == "gsm8k" else {}
    task = LmEvalTask(name, data=str(where), bootstrap=20, **few)
    short = {"max_new_tokens": 12} if task.settings else {}
    rows = table(task, model, tmp_path, **short)
    theirs = peer(task, model, **({"max_gen_toks": 12} if short else {}))[name]
    assert rows
    for row in rows:
        said = theirs[row["name"]]
        if isinstance(said, float) and math.isnan(said):
            assert row["estimate"] is None
        else:
            assert row["estimate"] == said, row["name"]
            assert row["n_failed"] == 0
        if row["statistic"] == "mean":
            assert row["low"] is None or row["low"] <= row["estimate"] <= row["high"]
    assert {row["name"] for row in rows} == set(task.documents.metrics)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_a_regression_over_demographic_groups_is_lm_eval_s(data, model, tmp_path):
    task = LmEvalTask("discrim_eval_explicit", data=str(data / "discrim_eval_explicit.jsonl"),
                      bootstrap=0)  # fmt: skip
    rows = {row["name"]: row for row in table(task, model, tmp_path)}
    theirs = peer(task, model)["discrim_eval_explicit"]
    assert {name: row["estimate"] for name, row in rows.items()} == {n: theirs[n] for n in rows}
    assert all(rows[f"{name}_bias"]["estimate"] for name in ("black", "female", "age"))
    assert rows["black_bias"]["low"] is None  # no interval was asked for
    assert rows["black_bias"]["better"] == "lower"


@pytest.mark.filterwarnings("ignore")
def test_our_engine_gives_the_same_choices(data, our_engine, model, tmp_path):
    task = LmEvalTask("toxigen", data=str(data / "toxigen.jsonl"))
    ours = table(task, our_engine, tmp_path)
    assert [row["estimate"] for row in ours] == [
        row["estimate"] for row in table(task, model, tmp_path)
    ]


@pytest.mark.filterwarnings("ignore")
def test_a_context_that_ends_in_white_space_has_lm_eval_s_log_probabilities(
    our_engine, model, own_tasks_alone, tmp_path
):
    (tmp_path / "ends.yaml").write_text(
        "task: ends\ndataset_path: json\ntest_split: test\noutput_type: multiple_choice\n"
        'doc_to_text: "Q: {{q}}\\nAnswer:{{end}}"\ndoc_to_choice: ["yes", "no", "A", "B"]\n'
        'doc_to_target: gold\ntarget_delimiter: ""\nmetric_list: [{metric: acc}]\n'
    )
    write(tmp_path / "data.jsonl", [{"q": "Is she well?", "end": end, "gold": 2}
                                    for end in ("", " ", "\n", "  \n\t")])  # fmt: skip
    task = LmEvalTask("ends", include_path=str(tmp_path), data=str(tmp_path / "data.jsonl"))
    (theirs,) = task.documents.tasks.values()
    settings, lm = GenerationConfig(), model._load().lm
    for sample, group in zip(task.samples(task.records()), range(4), strict=True):
        asked = [one for one in theirs.instances if one.doc_id == group]
        expected = lm.loglikelihood(sorted(asked, key=lambda one: one.idx), True)
        for ours in (our_engine, model):
            ((found,),) = list(ours.generate(requests_of(sample, (0,), None), settings, 0))
            assert found.choice_logprobs == pytest.approx([w for w, _ in expected], abs=2e-3)
            assert found.choice_greedy == tuple(greedy for _, greedy in expected)


@pytest.mark.long
def test_a_group_is_its_tasks_and_all_of_them(tmp_path, model):
    rows = [
        {"question": f"Which is larger, {n} or 3?", "choices": ["3", str(n), "both", "none"],
         "answer": 1}
        for n in range(4, 8)
    ]  # fmt: skip
    for leaf in ("wmdp_bio", "wmdp_chem", "wmdp_cyber"):
        write(tmp_path / f"{leaf}.jsonl", rows)
    task = LmEvalTask("wmdp", data=str(tmp_path))
    check_task(task)
    found = table(task, model, tmp_path)
    assert [(row["by"], row["group"], row["n"]) for row in found] == [
        (None, None, 12),
        *(("subtask", leaf, 4) for leaf in ("wmdp_bio", "wmdp_chem", "wmdp_cyber")),
    ]


def test_a_chat_has_the_same_turns_and_the_examples_before(data):
    task = LmEvalTask("gsm8k", data=str(data / "gsm8k"), num_fewshot=1, chat=True)
    sample = next(iter(task.samples(task.records())))
    assert [turn.role for turn in sample.prompt] == ["user", "assistant", "user"]
    assert task.settings["stop"][0] == "Question:"


def test_whole_values_are_aggregated_and_what_is_missing_is_said():
    def spread(items):
        return max(high for _, high in items) - min(low for low, _ in items)

    values = np.array(["[1, 2]", "[3, 7]", NOT_OF_IT, None], dtype=object)
    metric = Metric(0.0, 1.0, Direction.LOWER)
    statistic = Aggregated("spread", True, 50, spread)
    found = statistic.estimate(values, list("abcd"), list("abcd"), metric)
    assert (found.estimate, found.n, found.n_scored, found.n_failed) == (6.0, 3, 2, 1)
    assert found.worst is found.best is None  # nobody knows what the third would have made of it
    assert found.low <= found.estimate <= found.high
    whole = statistic.estimate(values[:3], list("abc"), list("abc"), metric)
    assert whole.worst == whole.best == 6.0


def test_what_cannot_be_read_off_is_missing_with_its_reason(data):
    mc = documents("toxigen", None, str(data / "toxigen.jsonl"), None, False)
    assert mc.results("toxigen/0", Generation("toxigen/0", 0, "Yes")) == (
        "its choices were not weighed"
    )
    last = documents("lambada_openai", None, str(data / "lambada_openai.jsonl"), None, False)
    weighed = Generation("lambada_openai/0", 0, None, "choices", choice_logprobs=(-1.0,))
    assert "does not say which choice greedy" in last.results("lambada_openai/0", weighed)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "toxigenn"}, "'toxigenn' is none of lm-eval's tasks; close to it are toxigen"),
        ({"name": "toxigen", "data": "nowhere"}, "'nowhere' is neither a file"),
        ({"name": "toxigen", "include_path": "nowhere"}, "'nowhere' is no folder"),
        ({"name": "wikitext", "data": "toxigen.jsonl"}, "perplexity of whole texts|cannot have"),
        ({"name": "gsm8k", "data": "gsm8k.jsonl", "num_fewshot": 2}, "from the file that is eval"),
        ({"name": "wmdp_bio", "data": "toxigen.jsonl", "num_fewshot": 1}, "examples|cannot"),
        ({"name": "toxigen", "num_fewshot": -1}, "must be at least 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_said(options, said, data):
    if str(options.get("data", "")).endswith("jsonl"):
        options = options | {"data": str(data / options["data"])}
    with pytest.raises(HarnessError, match=said):
        LmEvalTask(**options)
