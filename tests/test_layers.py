import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLOORS = (
    ("harness.types", "harness.text", "harness.agreeing", "harness.correction",
     "harness.marks"),
    ("harness.thinking",),
    ("harness.types", "harness.text", "harness.agreeing", "harness.correction"),
    ("harness.thinking", "harness.formats", "harness.nested"),
    ("harness.fields",),
    ("harness.identity", "harness.estimates", "harness.data", "harness.config", "harness.plugins",
     "harness.overrides", "harness.tables", "harness.store", "harness.shards", "harness.gathered",
     "harness.weights"),
    ("harness.command", "harness.validity", "harness.labels", "harness.maxima",
     "harness.contrasts", "harness.votes", "harness.aggregated", "harness.scored",
     "harness.paired", "harness.ranking"),
    ("harness.grid", "harness.documents", "harness.estimands"),
    ("harness.models", "harness.scorers", "harness.mitigations", "harness.answers", "tasks"),
    ("harness.plan", "harness.samples", "harness.drift", "harness.learning"),
    ("harness.stored",),
    ("harness.scoring",),
    ("harness.generating", "harness.results"),
    ("harness.asking", "harness.untold"),
    ("harness.run", "harness.forecast", "harness.testing", "harness.measuring",
     "harness.boards"),
    ("harness.gate",),
    ("harness.report",),
    ("harness.reviewing", "harness.recipes"),
    ("harness.cli", "harness.agreement", "harness.score", "harness.review", "harness.train",
     "harness.leaderboard", "harness.regression", "harness.lm_eval_tasks"),
    ("harness.__main__",),
)  # fmt: skip
"""Imports run downward only; rooms on one floor do not see each other."""
HEAVY = {"torch", "transformers", "datasets", "pandas", "detoxify", "lm_eval", "matplotlib", "ray",
         "vllm"}  # fmt: skip
ENGINE = {"cascade", "encoder", "engine", "loaded", "memory", "numerics", "plain", "prefixes",
          "rows", "sampling", "vllm_engine", "weighing", "writing"}  # fmt: skip
"""The rooms of `harness.models` that are imported only once a model is loaded."""

LATE = {"harness.scorers.minilm", "harness.scorers.detoxify_model", "harness.learning",
        "harness.recipes", "harness.lm_eval_tasks.adapter", "harness.weights"}  # fmt: skip
LATE |= {"harness.scorers.bertscore", "harness.scorers.minilm", "harness.scorers.detoxify_model",
        "harness.learning", "harness.recipes", "harness.lm_eval_tasks.adapter"}  # fmt: skip
"""Those of others that are imported only once their weights are needed."""


def room_of(module: str) -> tuple[int, str]:
    """The floor of a module, and the longest name there that it falls under."""
    for floor, rooms in enumerate(FLOORS):
        for room in rooms:
            if module == room or module.startswith(f"{room}."):
                return floor, room
    raise AssertionError(f"{module} stands on no floor")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.add(str(node.module))
    return {name for name in found if name.split(".")[0] in ("harness", "tasks")}


def modules():
    for path in sorted([*ROOT.glob("harness/**/*.py"), *ROOT.glob("tasks/**/*.py")]):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        yield path, module.removesuffix(".__init__")


def test_imports_run_downward_only():
    wrong = []
    for path, module in modules():
        if module in ("harness", "tasks"):
            continue
        floor, room = room_of(module)
        for name in imports(path):
            if name in ("harness", "tasks"):
                continue
            below, other = room_of(name)
            if other != room and below >= floor:
                wrong.append(f"{module} imports {name}")
    assert not wrong


def test_tasks_import_only_what_tasks_need():
    allowed = {"harness.types", "harness.estimates", "harness.data", "harness.fields",
               "harness.maxima", "harness.contrasts", "harness.votes", "harness.grid",
               "harness.documents"}  # fmt: skip
    for path, module in modules():
        if module.startswith("tasks."):
            ours = {name for name in imports(path) if not name.startswith("tasks")}
            assert ours <= allowed, f"{module} imports {ours - allowed}"


def imports_at_the_top(path: Path) -> set[str]:
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module))
    return found


def test_only_the_engine_needs_heavy_libraries_to_be_imported():
    tops = {module: imports_at_the_top(path) for path, module in modules()}
    slow = {m for m, names in tops.items() if {n.split(".")[0] for n in names} & HEAVY}
    while further := {m for m, names in tops.items() if names & slow} - slow:
        slow |= further
    assert slow <= {f"harness.models.{name}" for name in ENGINE} | LATE
