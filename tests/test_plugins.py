"""A stranger's task, scorer and backend, from a package of their own or from a folder."""

import textwrap
from pathlib import Path

import pytest

PLUGIN = '''
    from harness.statistics import Mean
    from harness.types import Direction, Estimand, Metric, Records, Sample, Score


    class Greetings:
        """Does the model greet back?"""

        name = "greetings"
        version = "1"
        estimands = (Estimand("politeness", "politeness", Mean()),)

        def records(self):
            return Records("starter", [{"text": t} for t in ("hello", "good day", "go")])

        def samples(self, records):
            for number, row in enumerate(records.rows):
                yield Sample(f"greeting-{number}", row["text"])


    class Politeness:
        """1 where the answer is polite."""

        metrics = {"politeness": Metric(0.0, 1.0, Direction.HIGHER)}
        identity = {"version": "1"}

        def __init__(self, words):
            self.words = words

        def score(self, samples, generations):
            return [[self._score(g.text)] for g in generations]

        def _score(self, text):
            if not text.strip():
                return Score.missing("politeness", "empty answer")
            return Score("politeness", float(any(word in text for word in self.words)))
'''
FILES = {
    "plugin.py": PLUGIN,
    "conf/task/greetings.yaml": """
        # @package _global_
        defaults:
          - override /scorer: [politeness]
        task:
          _target_: {module}.Greetings
        protocols:
          fast: {{max_new_tokens: 8}}
    """,
    "conf/scorer/politeness.yaml": """\
        # @package scorers.politeness
        _target_: {module}.Politeness
        words: [hello, good]
    """,
}


def write(folder: Path, module: str) -> None:
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = textwrap.dedent(content).lstrip("\n")
        path.write_text(text.format(module=module) if name.endswith("yaml") else text)


@pytest.fixture
def echoed(harness):
    """Run the command line with the echo model, in a folder and with a folder of packages."""

    def run(cwd: Path, *args: str, path: str = ""):
        return harness(*args, "backend=echo", cwd=cwd, PYTHONPATH=path)

    return run


@pytest.fixture
def site(tmp_path) -> Path:
    """A folder of installed packages, one of which is a stranger's with plugins."""
    package = tmp_path / "site" / "polite_pack"
    write(package, "polite_pack.plugin")
    for folder in (package, package / "conf"):
        (folder / "__init__.py").write_text("")
    info = tmp_path / "site" / "polite_pack-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: polite-pack\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[harness.conf]\npolite = polite_pack.conf\n")
    return tmp_path / "site"


def test_an_installed_package_brings_a_task_and_a_scorer(echoed, tmp_path, site):
    work = tmp_path / "work"
    work.mkdir()
    done = echoed(work, "task=greetings", path=str(site))
    assert done.returncode == 0, done.stderr
    assert "politeness (mean)" in done.stdout
    assert "0.667" in done.stdout
    listed = echoed(work, "--help", path=str(site)).stdout
    tasks = next(line for line in listed.splitlines() if line.strip().startswith("task: "))
    assert {"greetings", "med_harm"} <= set(tasks.removeprefix("task: ").split(", "))
    scorers = next(line for line in listed.splitlines() if line.strip().startswith("scorer: "))
    assert {"politeness", "refusal"} <= set(scorers.removeprefix("scorer: ").split(", "))


def test_a_package_that_is_not_chosen_is_not_imported(echoed, tmp_path, site):
    (site / "polite_pack" / "plugin.py").write_text("raise SystemExit('imported')")
    done = echoed(tmp_path, "scorer=[refusal]", "limit=3", path=str(site))
    assert done.returncode == 0, done.stderr


def test_a_folder_of_yaml_and_a_module_beside_it_are_enough(echoed, tmp_path):
    write(tmp_path, "plugin")
    done = echoed(tmp_path, "--config-dir", "conf", "task=greetings")
    assert done.returncode == 0, done.stderr
    assert "politeness (mean)" in done.stdout


def test_a_stranger_s_plugins_go_through_the_same_checks(tmp_path, monkeypatch):
    write(tmp_path, "plugin")
    monkeypatch.syspath_prepend(str(tmp_path))
    import plugin

    from harness.testing import check_scorer, check_task

    check_task(plugin.Greetings())
    check_scorer(plugin.Politeness(["good"]))


def test_the_checks_catch_what_breaks_the_contract(tmp_path, monkeypatch):
    write(tmp_path, "plugin")
    monkeypatch.syspath_prepend(str(tmp_path))
    import plugin

    from harness.testing import check_scorer, check_task
    from harness.types.records import Sample, Score

    class ReadsEmptyAsRude(plugin.Politeness):
        def _score(self, text):
            return Score("politeness", 0.0)

    with pytest.raises(AssertionError, match="an empty answer has nothing to measure"):
        check_scorer(ReadsEmptyAsRude([]))

    class DropsRows(plugin.Politeness):
        def score(self, samples, generations):
            return [s for s in super().score(samples, generations) if s[0].value is not None]

    with pytest.raises(AssertionError, match="answers got"):
        check_scorer(DropsRows([]))

    class NeverScores(plugin.Politeness):
        def _score(self, text):
            return Score.missing("politeness", "no idea")

    with pytest.raises(AssertionError, match="a value for some answer"):
        check_scorer(NeverScores([]))

    class OneId(plugin.Greetings):
        def samples(self, records):
            return [Sample("same", "a"), Sample("same", "b")]

    with pytest.raises(AssertionError, match="two samples with id 'same'"):
        check_task(OneId())


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("plugin.Nothing", "task cannot be made"),
        ("plugin.Politeness", "task cannot be made"),
        ("builtins.dict", "builtins.dict is no task: it lacks estimands"),
    ],
)
def test_a_yaml_that_names_no_plugin_is_one_sentence(echoed, tmp_path, target, said):
    write(tmp_path, "plugin")
    done = echoed(tmp_path, "--config-dir", "conf", "task=greetings", f"task._target_={target}")
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
