"""The surface for Python: what is named in `harness`, and that it says what the commands say."""

import inspect
import json
import subprocess
import sys

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import harness
from harness.command import CONF_DIR
from harness.command.overrides import overrides_of

SURFACE = {
    "Compared": "(comparison: 'Comparison') -> None",
    "HarnessError": None,
    "Results": "(run: 'FinishedRun') -> None",
    "SafetyCallback": "(task: 'str', every: 'int' = 500, overrides: 'Sequence[str]' = (), "
    "margins: 'Mapping[str, Any] | None' = None, stop: 'bool' = True, "
    "results: 'str' = 'results') -> 'None'",
    "compare": "(before: 'Side', after: 'Side', *, margins: 'Margins | None' = None, "
    "guards: 'Margins | None' = None, reading: 'Reading' = 'generalized') -> 'Compared'",
    "read": "(folder: 'str | Path') -> 'Results'",
    "run": "(task: 'str', model: 'Any' = 'smollm2', *, tokenizer: 'Any' = None, "
    "name: 'str | None' = None, **options: 'Any') -> 'Results'",
}
MEMBERS = {
    "Results": {"estimates", "folder", "generations", "report", "run", "samples", "scores",
                "show", "unmeasured"},
    "Compared": {"comparison", "estimates", "groups", "lost", "report", "verdict"},
}  # fmt: skip


@pytest.fixture
def tiny_causal():
    """A model that has not learnt anything, and its tokenizer."""
    words = ["<unk>", "</s>", "yes", "no"]
    plain = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain, eos_token="</s>", pad_token="</s>", unk_token="<unk>"
    )
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    torch.manual_seed(0)
    shape = LlamaConfig(
        vocab_size=4, hidden_size=16, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=1024,
        bos_token_id=None, eos_token_id=1,
    )  # fmt: skip
    return LlamaForCausalLM(shape), tokenizer


@pytest.fixture(scope="module")
def echoed(tmp_path_factory):
    results = tmp_path_factory.mktemp("python")
    return harness.run("med_harm", backend="echo", limit=6, scorer="refusal", results=results)


def test_the_surface_has_not_changed_unnoticed():
    assert sorted(SURFACE) == harness.__all__
    signatures = {
        name: str(inspect.signature(getattr(harness, name)))
        for name, signature in SURFACE.items()
        if signature
    }
    assert signatures == {name: signature for name, signature in SURFACE.items() if signature}
    for name, members in MEMBERS.items():
        cls = getattr(harness, name)
        fields = set(cls.__dataclass_fields__)
        assert members == fields | {part for part in vars(cls) if not part.startswith("_")}


def test_importing_harness_imports_nothing_heavy():
    code = (
        "import harness, sys; print(sorted({'torch','pandas','hydra','pyarrow'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_run_gives_its_tables_as_frames(echoed):
    info = json.loads((echoed.folder / "run.json").read_text("utf-8"))
    assert len(echoed.samples) == len(echoed.generations) == info["samples"] == 6
    assert "refusal" in set(echoed.scores["metric"])
    assert {"refused", "benign refused"} <= set(echoed.estimates["name"])
    assert list(echoed.generations["sample_id"]) == list(echoed.samples["sample_id"])
    assert harness.read(echoed.folder).estimates.equals(echoed.estimates)


def test_the_same_call_is_the_same_run(echoed):
    results = echoed.folder.parent.parent
    again = harness.run("med_harm", backend="echo", limit=6, scorer="refusal", results=results)
    assert again.folder == echoed.folder


def test_a_model_in_memory_is_run_and_left_as_it_was(tiny_causal, tmp_path):
    model, tokenizer = tiny_causal
    model.train()
    asked = {"limit": 2, "scorer": "refusal", "results": tmp_path, "max_unmeasured": 1}
    mine = harness.run(
        "med_harm", model, tokenizer=tokenizer, name="mine",
        generation={"max_new_tokens": 3}, **asked,
    )  # fmt: skip
    assert model.training
    assert set(mine.estimates["model"]) == {"mine"}
    assert (mine.generations["tokens"] <= 3).all()


def test_a_run_passes_against_itself_and_says_why_where_it_cannot(echoed):
    compared = harness.compare(echoed, echoed.folder)
    assert compared.verdict == "inconclusive"
    assert set(compared.estimates["verdict"]) == {"inconclusive"}
    assert list(compared.estimates["worse_by"]) == [0.0] * len(compared.estimates)
    assert "enough to rule out" in repr(compared)
    wide = harness.compare(echoed, echoed, margins={"med_harm": {"refused": 0.99}})
    assert wide.estimates["verdict"].iloc[0] == "pass"
    by_estimate = harness.compare(echoed, echoed, margins={"refused": 0.99})
    assert by_estimate.estimates.equals(wide.estimates)


def test_a_run_says_what_it_is_in_a_line(echoed):
    assert repr(echoed) == f"Results({str(echoed.folder)!r}: 6 samples, 100.0% of scores measured)"


def test_too_many_missing_scores_warn(tmp_path):
    asked = {"backend": "echo", "limit": 2, "scorer": "refusal", "results": tmp_path}
    lost = list(harness.run("med_harm", **asked).samples["sample_id"])
    with pytest.warns(UserWarning, match=r"100\.0% of a headline estimate's scores are missing"):
        run = harness.run("med_harm", **asked, **{"backend.fail": lost})
    assert run.scores["value"].isna().all()
    assert list(run.scores["error"].unique()) == ["no generation: told to fail"]


def test_options_are_written_as_the_command_line_has_them():
    text = 'a "b" ${c}, {d}: [e]\\'
    written = overrides_of({"a": None, "b": True, "c": 1e-3, "d": ["x", "y z"], "e": text})
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        cfg = compose("config", [f"+{part}" for part in written])
    assert {name: cfg[name] for name in "abcde"} == {
        "a": None, "b": True, "c": 1e-3, "d": ["x", "y z"], "e": text,
    }  # fmt: skip
    assert overrides_of({"generation": {"n": 5}, "mitigation": ["p", "q"]}) == [
        "generation.n=5", "mitigation=none", "+mitigation@mitigations.p=p",
        "+mitigation@mitigations.q=q",
    ]  # fmt: skip
    assert overrides_of({"backend": {"extra": {"a": {"b": [1, {"c": "x y"}]}}}}) == [
        'backend.extra={a:{b:[1,{c:"x y"}]}}'
    ]
    assert overrides_of({"task.data": {"a.b": 1}, "x.y": {"null": 1}}) == [
        "task.data.a.b=1", "x.y.null=1",
    ]  # fmt: skip
    assert overrides_of({"a": "yes", "b": "1e5", "c": "x-y/z"}) == ['a="yes"', 'b="1e5"', "c=x-y/z"]


def test_a_hydra_of_the_callers_own_stays(tmp_path):
    (tmp_path / "mine.yaml").write_text("x: 1\n")
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        with pytest.raises(harness.HarnessError):
            harness.run("no_such_task")
        assert compose("mine").x == 1
    assert not GlobalHydra.instance().is_initialized()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"task": "med_harmx"}, "Available options in 'task'"),
        ({"task": "med_harm", "limti": 3}, "'limti'"),
        ({"task": "med_harm", "limit": "x"}, "'x'"),
        ({"task": "med_harm", "limit": {3}}, "limit={3} (set) is no option"),
        ({"task": "med_harm", "mitigation": "nope"}, "Available options in 'mitigation'"),
        ({"task": "med_harm", "model": 3}, "model=int"),
        ({"task": "med_harm", "tokenizer": 3}, "tokenizer and name are of a model in memory"),
        ({"task": "med_harm", "show": "all"}, "call show() or report()"),
        ({"task": "med_harm", "scorer": None}, "scorer=null: scorer is chosen by name"),
        ({"task": "med_harm", "experiment": "card"}, "harness.run asks one"),
        ({"task": "med_harm", "suite": {"med_harm": []}}, "ask several tasks (med_harm)"),
        ({"task": None}, "task=null: task is chosen by name"),
        ({"task": "med_harm", "limit": "${nosuch}"}, "the configuration does not resolve"),
        ({"task": "med_harm", "generation": "x"}, "generation=x: Invalid type assigned"),
        ({"task": "med_harm", "model": object(), "name": 3}, "name=3 must be text"),
    ],
)
def test_what_means_nothing_is_one_sentence(given, words):
    with pytest.raises(harness.HarnessError) as refused:
        harness.run(**given)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


TURNS = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"
BRIEF = {"limit": 1, "scorer": "refusal", "max_unmeasured": 1, "generation": {"max_new_tokens": 2}}


@pytest.fixture
def held(tiny_causal, tmp_path):
    model, tokenizer = tiny_causal

    def asked(template, **options):
        tokenizer.chat_template = template
        options = {"results": tmp_path / "results", **BRIEF, **options}
        return harness.run("med_harm", model, tokenizer=tokenizer, **options).run.info

    return asked


def test_a_model_in_memory_says_of_its_prompts_what_one_of_a_folder_does(held):
    refuses = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}"
    info = held(refuses + TURNS, system="Be kind.")
    assert info.first_prompt["text"].startswith("<|user|>Be kind.\n\n")
    assert "has no place for a system text, which went before" in " ".join(info.notes)
    vendor = "{% if messages[0].role != 'system' %}<|system|>Be Bob.{% endif %}"
    assert "own system text stands in every prompt" in " ".join(held(vendor + TURNS).notes)
    assert set(info.sessions[-1]["model"]) == {"float32"}


def test_a_model_in_memory_takes_what_is_said_of_its_prompts(held, tmp_path):
    reads = TURNS + "{{ 'hm' if enable_thinking }}{{ strftime_now('%Y') }}"
    plain = held(reads)
    thinking = held(reads, backend={"template_args": {"enable_thinking": True}})
    later = held(reads, **{"backend.today": "2031-01-01"})
    (tmp_path / "t.jinja").write_text("Mine. " + TURNS)
    other = held(reads, **{"backend.chat_template": tmp_path / "t.jinja"}, backend="hf")
    ends = [info.first_prompt["text"][-6:] for info in (plain, thinking, later)]
    assert [end[-4:] for end in ends] == ["2025", "2025", "2031"]
    assert ends[1] == "hm2025"
    assert other.first_prompt["text"].startswith("Mine. ")
    names = {info.identity["model"]["tokenizer"] for info in (plain, thinking, later, other)}
    assert len(names) == 4
    with pytest.raises(harness.HarnessError, match="reads no 'enable_thinkin'"):
        held(reads, backend={"template_args": {"enable_thinkin": True}})


@pytest.mark.parametrize(
    "given",
    [
        {"backend.dtype": "bfloat16"}, {"backend": "vllm"}, {"backend": {"quantize": "int8"}},
        {"backend": "echo"}, {"+backend.nix": 1}, {"backend.device": "cpu"},
    ],
)  # fmt: skip
def test_an_option_that_nothing_would_read_of_a_model_in_memory_is_refused(held, given):

    with pytest.raises(harness.HarnessError, match=r"backend.* in memory as it is; it takes chat"):
        held(TURNS, **given)


def test_a_model_of_ours_takes_no_option_of_a_backend(tmp_path):
    from harness.models.echo import EchoModel

    with pytest.raises(harness.HarnessError, match=r"backend\.answer.* it takes none of them"):
        harness.run("med_harm", EchoModel(), **{"backend.answer": "x"}, results=tmp_path)


def test_what_in_memory_cannot_write_is_refused_in_one_sentence(tiny_causal, tmp_path):
    model, tokenizer = tiny_causal
    asked = {"results": tmp_path, **BRIEF}
    with pytest.raises(harness.HarnessError, match="model=LlamaModel has no part that writes"):
        harness.run("med_harm", model.model, tokenizer=tokenizer, **asked)
    with pytest.raises(harness.HarnessError, match=r"its tokenizer: .* and str is none"):
        harness.run("med_harm", model, tokenizer="smollm2", **asked)
    with pytest.raises(harness.HarnessError, match="token_budget=0 must be at least 1"):
        harness.run("med_harm", model, tokenizer=tokenizer, **asked, **{"backend.token_budget": 0})


def test_a_model_in_memory_is_asked_before_scorers_are_checked_and_no_score_is_kept_before(
    held, tmp_path, monkeypatch
):
    def drifted(scorers, results):
        raise harness.HarnessError("scorer refusal has drifted")

    monkeypatch.setattr("harness.runs.flow.check_cheap", drifted)
    with pytest.raises(harness.HarnessError, match="has drifted"):
        held(TURNS)
    (folder,) = (tmp_path / "results" / "runs").iterdir()
    assert json.loads((folder / "run.json").read_text())["status"] == "interrupted"
    assert list((folder / "generations").glob("*.parquet"))
    assert not list(folder.rglob("scores/*.parquet"))


def test_the_digest_that_is_under_way_meanwhile_is_that_of_the_weights(held, tiny_causal):
    from harness.models.hf.digests import digest_of_weights

    weights = held(TURNS).identity["model"]["weights"]
    assert weights == f"sha256-of-pieces:{digest_of_weights(tiny_causal[0])}"


@pytest.mark.filterwarnings("ignore:.torch.jit.:DeprecationWarning")  # as torch compiles
def test_a_compiled_model_is_the_model_that_was_compiled(tiny_causal, tmp_path):
    model, tokenizer = tiny_causal
    asked = {"tokenizer": tokenizer, "name": "it", **BRIEF}
    compiled = torch.compile(model)
    whole = harness.run("med_harm", model, results=tmp_path / "a", **asked)
    again = harness.run("med_harm", compiled, results=tmp_path / "b", **asked)
    assert again.run.info.identity == whole.run.info.identity
    assert list(again.generations["text"]) == list(whole.generations["text"])
