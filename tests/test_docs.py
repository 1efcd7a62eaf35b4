"""The README and the pages of docs/: commands compose, examples run, links lead somewhere."""

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from hydra._internal.hydra import Hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from harness.command import start
from harness.testing import check_model, check_scorer, check_task

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
PLUGINS = ROOT / "docs" / "plugins.md"
CARDS = sorted([*(ROOT / "tasks").rglob("*.md"), *(ROOT / "harness").rglob("*.md")])


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text(page), re.DOTALL)


def commands() -> list[str]:
    whole = [block.replace("\\\n", " ") for page in PAGES for block in blocks(page, "sh")]
    lines = [line.split("  #")[0].strip() for block in whole for line in block.splitlines()]
    shell = [line for line in lines if line.startswith("python -m harness")]
    made = [re.search(r'ARGS="(.*)"', line) for line in lines]
    return sorted({*shell, *(f"python -m harness {call[1]}" for call in made if call)})


def anchors(page: Path) -> set[str]:
    """What headings are called in links, as GitHub and the site make it of their words."""
    prose = re.sub(r"```.*?```", "", text(page), flags=re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("command", commands())
def test_every_command_is_one_that_composes(command, tmp_path, monkeypatch, capsys):
    _, _, module, *arguments = shlex.split(command)
    if "--multirun" in arguments:
        arguments.remove("--multirun")
        arguments = [argument.split(",")[0] for argument in arguments]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.setattr(Hydra, "get_mode", lambda *_, **__: None)  # which composes all once more
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)
    resolved = []
    monkeypatch.setattr(start, "configure_log", lambda *_: None)
    monkeypatch.setattr(
        start, "_job", lambda cfg, *_: resolved.append(OmegaConf.to_yaml(cfg, resolve=True))
    )
    if any("hydra" in argument for argument in arguments):  # Hydra itself would start it
        arguments = ["--cfg", "job", "--resolve", *arguments]
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    package = find_spec(module).submodule_search_locations is not None
    main = import_module(f"{module}.__main__" if package else module).main
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert not ended.value.code, said.err
    assert resolved or said.out


def write_examples(folder: Path) -> None:
    """The three worked examples as a stranger's own files: their code, and their YAML."""
    modules = ("tasks.greetings", "harness.scorers.asks_back", "harness.models.program")
    sources = (block for block in blocks(PLUGINS, "python") if "class " in block)
    code = dict(zip(modules, sources, strict=True))
    places = ("task/greetings", "scorer/asks_back", "backend/program")
    for (module, source), place, config in zip(
        code.items(), places, blocks(PLUGINS, "yaml")[:3], strict=True
    ):
        assert f"_target_: {module}." in config
        own = f"my_{module.rpartition('.')[2]}"
        (folder / f"{own}.py").write_text(source)
        path = folder / "conf" / f"{place}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(config.replace(module, own))


@pytest.mark.long
def test_the_three_worked_examples_work_as_written(harness, tmp_path, monkeypatch):
    write_examples(tmp_path)
    (line,) = re.findall(r"`python -m (harness task=greetings [^`]*)`", text(PLUGINS))
    _, *arguments = shlex.split(line)
    command = ["--config-dir", "conf", *arguments]
    done = harness(*command)
    assert done.returncode == 0, done.stderr
    assert "refused (mean)    0.000" in done.stdout
    assert "asks back (mean)  0.000" in done.stdout
    assert "asks_back by asks_back-" in done.stdout
    done = harness(*command, "backend.program=[/bin/false]", "max_unmeasured=1")
    assert "refused (mean)    not known" in done.stdout
    monkeypatch.syspath_prepend(str(tmp_path))
    from my_asks_back import AsksBackScorer
    from my_greetings import Greetings
    from my_program import ProgramModel

    check_task(Greetings())
    check_scorer(AsksBackScorer())
    check_model(ProgramModel(["cat"]))


def test_the_readme_has_at_most_two_hundred_lines():
    assert text(README).count("\n") <= 200


def test_every_page_is_led_to_and_stands_in_the_site():
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in PAGES[1:]:
        others = [text(other) for other in PAGES if other != page]
        assert any(re.search(rf"\]\((docs/)?{page.name}[#)]", other) for other in others), page
        assert f"- {page.name}\n" in nav, page


@pytest.mark.parametrize("page", [*PAGES, *CARDS], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text(page), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"https?://", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_is_there(page):
    folders = "harness|conf|tasks|tests|benchmarks|docs"
    named = re.findall(rf"\b((?:{folders})/[\w./]*[\w/])", text(page))
    examples = {"greetings", "asks_back", "program"}
    missing = [
        name
        for name in named
        if not (ROOT / name).exists()
        and not (ROOT / f"{name}.py").exists()
        and not set(re.split(r"[/.]", name)) & {"NAME", *examples}
    ]
    assert not missing


def test_the_tables_of_options_are_those_of_the_configuration():
    spec = spec_from_file_location("options", ROOT / "docs" / "options.py")
    options = module_from_spec(spec)
    sys.modules[spec.name] = options
    spec.loader.exec_module(options)
    assert options.page() == text(options.PAGE), "run python docs/options.py"
    unsaid = re.findall(r"^\| `(?!protocols|suite)(.+?)` \|.*\|  \|$", options.page(), re.M)
    assert not unsaid, "a comment behind the option in conf/ says what it means"


def test_the_rooms_of_the_page_stand_on_the_floors_of_the_wall():
    page = text(ROOT / "docs" / "architecture.md")
    rows = re.findall(r"^\| (\d) \| `(\w+)` \|.*\| ([^|]+) \|$", page, re.MULTILINE)
    told = [(int(n), room, imports.replace(",", "")) for n, room, imports in rows]
    wall = ast.parse((ROOT / "tests" / "test_layers.py").read_text(encoding="utf-8"))
    (floors,) = [
        ast.literal_eval(node.value)
        for node in wall.body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "FLOORS"
    ]
    words = {"": "none", "*": "all"}
    assert told == [
        (n, room, words.get(names) or " ".join(sorted(names.split())))
        for n, rooms in enumerate(floors, 1)
        for room, names in rooms.items()
    ]


@pytest.mark.long
def test_the_pages_build_as_a_site(tmp_path):
    if find_spec("material") is None:
        pytest.skip("mkdocs-material is not installed")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    for page in ("index", "gate/index", "options/index", "tasks/med_harm/card/index"):
        assert (tmp_path / "site" / f"{page}.html").is_file()


def test_nothing_is_left_to_be_filled_in():
    assert not [page.name for page in PAGES if "@@" in text(page)]


def test_the_tree_names_what_is_there():
    (tree,) = [block for block in blocks(ROOT / "docs" / "architecture.md", "") if "conf/" in block]
    folder = None
    for line in tree.splitlines():
        place = line.split(" ")[0] if line[0] != " " else ""
        if place:
            folder = ROOT / place.replace("NAME/", "")
            assert folder.exists() or folder.with_suffix(".py").exists(), place
        for name in re.findall(r"[\w/]+\.py\b", line.removeprefix(place)):
            assert folder is not None
            assert next(folder.rglob(name), None), f"{name} in {folder}"


def test_make_knows_the_commands_that_open_the_page():
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed")
    for target in ("run", "test", "docs"):
        assert f"make {target}" in text(README)
        subprocess.run([make, "--dry-run", target], cwd=ROOT, check=True, capture_output=True)
