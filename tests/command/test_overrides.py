import json
import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from harness.command.overrides import check, quoted, with_letters, with_texts
from harness.command.plugins import make
from harness.types.errors import HarnessError
from harness.types.plugins import Mitigation

ODD = [*"\\\"'${}a\n,=请#([;@", "${x}", "\\${"]
TEXTS = st.lists(st.sampled_from([*ODD, " "]), max_size=8).map("".join)


@settings(deadline=None)
@given(TEXTS)
@example('Be safe, "please": 100% ${x} \\ 请\nand more')
def test_a_quoted_text_reaches_a_plugin_unchanged(text):
    parsed = OverridesParser.create().parse_override(f"text={quoted(text)}").value()
    node = OmegaConf.create(
        {"_target_": "harness.mitigations.prompts.system_prompt.SystemPrompt", "text": parsed}
    )
    assert make("mitigation", node, Mitigation).text == text


DEBIAS = "harness.mitigations.decoding.self_debias.SelfDebias"
ADAPTATION = "harness.mitigations.weights.domain_adaptation.DomainAdaptation"


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        (DEBIAS, {"descriptions": "rude"}, r"descriptions='rude' must be a list of str"),
        (
            DEBIAS,
            {"descriptions": ["rude", 3]},
            r"descriptions=\['rude', 3\] must be a list of str",
        ),
        (DEBIAS, {"decay": float("inf")}, "decay=inf must hold finite numbers"),
        (ADAPTATION, {"course": {"rate": float("nan")}}, "rate': nan} must hold finite numbers"),
    ],
)
def test_a_value_of_another_type_or_without_end_is_refused_before_anything_is_made(
    target, options, said
):
    with pytest.raises(HarnessError, match=said):
        make("mitigation", OmegaConf.create({"_target_": target, **options}), Mitigation)


@pytest.mark.parametrize(
    "override",
    [
        "mitigation.text=Don't answer: be safe",
        "mitigation.text=请遵守医学伦理",
        "mitigation.text=Be safe, please",
        "mitigation.text=Be {very} safe",
        'mitigation.text=Be "safe"',
        "mitigation.text=(safe)",
        "model=/checkpoints/step=100",
        "model=/checkpoints/größe",
        "task.data=my file (1).csv",
        "+mitigation.text=a; b",
    ],
)
def test_what_hydra_does_not_take_is_answered_with_the_quoting_that_works(override):
    with pytest.raises(HarnessError) as caught:
        check([override], sweeps=False)
    said = str(caught.value)
    assert override.split("=")[0] in said
    command = said.split("for the shell and for Hydra: ")[1]
    typed = shlex.split(command)[0].rstrip(",")
    key, _, value = override.partition("=")
    parsed = OverridesParser.create().parse_override(typed)
    assert (parsed.key_or_group, parsed.value()) == (key.lstrip("+"), value)


def test_what_hydra_takes_passes():
    fine = ["limit=3", "scorer=[refusal,guidance]", "~scorers.refusal", "mitigation=null",
            'mitigation.text="Be safe, please"', "mitigation.text=Be safe",
            "backend.extra={max_tokens: null}", "model=Qwen/Qwen2.5-0.5B-Instruct"]  # fmt: skip
    check(fine, sweeps=False)
    check(["model=a,b"], sweeps=True)


def test_a_text_is_taken_from_a_file_as_it_stands(tmp_path, monkeypatch):
    text = 'Be safe, "please": it\'s ${x}\n请'
    (tmp_path / "safe.txt").write_text(text + "\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    (override,) = with_texts(["mitigation.text=@safe.txt"])
    check([override], sweeps=False)
    assert OverridesParser.create().parse_override(override).value() == text.replace("${", "\\${")
    kept = ['mitigation.text="@safe.txt"', "backend@scorers.h.judge=openai"]
    assert with_texts(kept) == kept


@pytest.mark.parametrize("value", ["answers-模型-7B", "runs/नमूना", "./نموذج.v2", "é@b:c+d~"])
def test_a_value_in_any_script_needs_no_quotes(value):
    one, several = with_letters([f"+run={value}", f"runs=[{value},results/x]"])
    check([one, several], sweeps=False)
    parse = OverridesParser.create().parse_override
    assert (parse(one).key_or_group, parse(one).value()) == ("run", value)
    assert [str(each) for each in parse(several).value()] == [value, "results/x"]


def test_what_hydra_gives_a_meaning_to_is_left_as_it_stands():
    kept = ["limit=5", 'model="模"', "model=模 型", "model=模,型", "model=${模}", "a={模: 1}", "模"]
    assert with_letters(kept) == kept


def test_a_file_that_cannot_be_read_is_named_with_the_way_to_write_an_at_sign(tmp_path):
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    (tmp_path / "wide").write_bytes("Be kind.".encode("utf-16-le"))
    for name, reason in (
        ("nowhere", "No such file"), ("latin", "not UTF-8"), ("wide", "not UTF-8"),
        (".", "directory"),
    ):  # fmt: skip
        with pytest.raises(HarnessError, match=reason):
            with_texts([f"mitigation.text=@{tmp_path / name}"])


def test_an_at_sign_without_a_file_is_no_text():
    with pytest.raises(HarnessError, match="=@ asks for the text of a file"):
        with_texts(["mitigation.text=@"])


def test_a_mark_of_byte_order_is_no_part_of_a_text(tmp_path):
    (tmp_path / "marked").write_text("Be kind.", "utf-8-sig")
    assert with_texts([f"a=@{tmp_path / 'marked'}"]) == ['a="Be kind."']


def test_a_run_says_how_to_quote_and_takes_a_text_from_a_file(harness, tmp_path):
    asked = ["backend=echo", "limit=1", "scorer=[refusal]", "mitigation=system_prompt"]
    refused = harness(*asked, "mitigation.text=Don't")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: \"mitigation.text=Don't\" is not in Hydra's grammar")
    text = "Be safe, 'please': ${x} {y}\n请遵守"
    (tmp_path / "safe.txt").write_text(text, "utf-8")
    assert harness(*asked, "mitigation.text=@safe.txt").returncode == 0
    (info,) = tmp_path.glob("results/runs/*/run.json")
    assert json.loads(info.read_text("utf-8"))["identity"]["mitigation"]["text"] == text
