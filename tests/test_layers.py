"""The wall: which rooms there are, who may import whom, and through which doors.

`python tests/test_layers.py` prints the counts.
"""

import ast
import itertools
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLOORS: tuple[Mapping[str, str], ...] = (
    {"types": ""},
    {
        "statistics": "types",
        "data": "types",
        "store": "types statistics",
        "validity": "types",
        "command": "types",
        "show": "types",
        "models": "types",
    },
    {
        "scorers": "types statistics models",
        "mitigations": "types models data",
        "bridges": "types statistics data",
        "tasks": "types statistics data store",
        "agreement": "types statistics data validity command show",
        "leaderboard": "types statistics store command show",
        "report": "types store command show",
        "drift": "types validity command",
    },
    {
        "runs": "types statistics store validity command show report models",
        "regression": "types statistics store command show leaderboard scorers runs models",
        "review": "types statistics store data agreement validity command show",
        "train": "scorers models data types command",
    },
    {
        "score": "runs report bridges store statistics command show types",
        "logs": "bridges store statistics command show types evidence",
        "lm_eval_tasks": "runs store command types",
        "evidence": "types statistics data store command scorers tasks review",
        "testing": "runs store types",
        "mitigate": "types data store command models mitigations statistics show regression",
        "__main__": "runs types",
        "benchmarks": "*",
    },
)
"""Each floor's rooms, and which rooms below each may import."""
MOST_ROOMS, MOST_ARROWS, MOST_LINES, MOST_FUNCTION = 28, 124, 300, 60
FACES = ("types", "statistics", "data", "store", "validity", "command", "show", "runs")
"""Rooms that others enter by their `__init__` alone."""
SIDE_DOORS = {"harness.runs.cli", "harness.runs.python"}
"""Files behind a face that are imported past it, since they bring in Hydra."""
COMMANDS = ("agreement", "leaderboard", "report", "regression", "review", "train", "score",
            "logs", "mitigate")  # fmt: skip
"""Rooms that are called by `python -m`; their `__init__` holds a docstring only."""
LONG: set[str] = set()
"""Files that are longer than they should be; this list only shrinks."""
WIDE: set[str] = set()
"""Functions that are longer than they should be; this list only shrinks."""
HEAVY = {"torch", "transformers", "datasets", "pandas", "detoxify", "lm_eval", "matplotlib", "ray",
         "vllm"}  # fmt: skip
LATE = ("harness.mitigations.decoding.distributions",
        "harness.mitigations.decoding.value_training", "harness.mitigations.decoding.values",
        "harness.mitigations.steering.autoencoders",
        "harness.mitigations.steering.directions", "harness.mitigations.steering.fitted",
        "harness.mitigations.steering.lineas", "harness.mitigations.steering.residual",
        "harness.mitigations.steering.sparse_autoencoder",
        "harness.mitigations.steering.training",
        "harness.models.hf", "harness.models.vllm", "harness.models.ray",
        "harness.models.checkpoints.weights", "harness.scorers.justification.bertscore",
        "harness.mitigations.fitting.base", "harness.mitigations.fitting.states",
        "harness.mitigations.fitting.training", "harness.mitigations.fitting.losses",
        "harness.mitigations.fitting.upper",
        "harness.mitigations.unlearning.losses", "harness.mitigations.weights.editing",
        "harness.scorers.offline.minilm", "harness.scorers.offline.packed",
        "harness.scorers.offline.reply", "harness.scorers.offline.states",
        "harness.scorers.offline.texts", "harness.train.empathy",
        "harness.scorers.detoxify.detoxify_model", "harness.scorers.prompts.attending",
        "harness.scorers.prompts.states",
        "harness.train.harmfulness", "harness.train.toxicity", "harness.train.understood",
        "harness.train.learning", "harness.train.recipes",
        "harness.train.normativity", "harness.train.prompt_toxicity",
        "harness.regression.callback",
        "harness.lm_eval_tasks.adapter")  # fmt: skip
"""Files that are imported only once what is heavy in them is needed."""


@cache
def files() -> Mapping[Path, str]:
    """Each file's module."""
    paths = [
        p for f in ("harness", "tasks", "benchmarks") for p in sorted((ROOT / f).rglob("*.py"))
    ]
    names = (".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths)
    return {path: name.removesuffix(".__init__") for path, name in zip(paths, names, strict=True)}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def room_of(module: str) -> str:
    first, *rest = module.split(".")
    return rest[0] if first == "harness" and rest else first


def floor_of(room: str) -> int:
    return next(n for n, rooms in enumerate(FLOORS) if room in rooms)


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Every statement within; what is within an expression is none."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield child
            yield from statements(child)


@cache
def imported(path: Path) -> tuple[tuple[str, str], ...]:
    """Each name of ours that a file imports, with the module that it is imported from."""
    modules = set(files().values())
    names = []
    for node in statements(tree(path)):
        if isinstance(node, ast.Import):
            names += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                names.append((whole, "") if whole in modules else (str(node.module), alias.name))
    return tuple((m, n) for m, n in names if m.split(".")[0] in ("harness", "tasks", "benchmarks"))


def arrows() -> set[tuple[str, str]]:
    pairs = {
        (room_of(m), room_of(other)) for path, m in files().items() for other, _ in imported(path)
    }
    return {(a, b) for a, b in pairs if a != b and "harness" not in (a, b)}


def circles(edges: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of nodes that reach each other."""
    reached = {}
    for start in edges:
        seen, todo = set(), [start]
        while todo:
            for other in edges.get(todo.pop(), set()) - seen:
                seen.add(other)
                todo.append(other)
        reached[start] = seen
    groups = {tuple(sorted(b for b in reached[a] if a in reached.get(b, ()))) for a in edges}
    return [list(group) for group in sorted(groups) if group]


def file_edges() -> dict[str, set[str]]:
    """Which file imports which at the top, a face standing for what it opens."""
    return {
        module: {other for other, _ in imported(path) if other != module}
        for path, module in files().items()
    }


def test_there_are_five_floors_and_few_rooms():
    rooms = {room_of(module) for _, module in files().items()} - {"harness"}
    assert len(FLOORS) == 5
    assert rooms == {room for floor in FLOORS for room in floor}
    assert len(rooms) <= MOST_ROOMS
    assert len(arrows()) <= MOST_ARROWS
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert f"| after | {len(rooms)} | {len(FLOORS)} | {len(arrows())} | 0 |" in page
    assert f"{MOST_ROOMS} rooms,\nfive floors and {MOST_ARROWS} arrows" in page


def test_each_room_imports_only_what_stands_below_it():
    allowed = {room: names.split() for floor in FLOORS for room, names in floor.items()}
    wrong = [
        f"{a} imports {b}"
        for a, b in sorted(arrows())
        if floor_of(b) > floor_of(a) or (b not in allowed[a] and allowed[a] != ["*"])
    ]
    assert not wrong


def test_no_file_imports_what_imports_it():
    assert not circles(file_edges())


def test_a_room_is_entered_by_its_face():
    wrong = []
    for path, module in files().items():
        for other, name in imported(path):
            room = room_of(other)
            if room == room_of(module) or other in SIDE_DOORS:
                continue
            if room in FACES and other != f"harness.{room}":
                wrong.append(f"{module} imports {other}.{name}")
            if room in COMMANDS and other.endswith("__main__"):
                wrong.append(f"{module} imports {other}")
            if name.startswith("_"):
                wrong.append(f"{module} imports {other}.{name}")
    assert not wrong


def test_a_face_names_all_that_it_opens_and_no_file():
    for room in FACES:
        path = ROOT / "harness" / room / "__init__.py"
        listed = next(
            [ast.literal_eval(item) for item in node.value.elts]
            for node in tree(path).body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        )
        opened = [name for _, name in imported(path)]
        assert sorted(listed) == sorted(opened), room
        stems = {file.stem for file in path.parent.glob("*")}
        assert not stems & set(listed), f"{room}: {stems & set(listed)}"
    for room in COMMANDS:
        body = tree(ROOT / "harness" / room / "__init__.py").body
        assert len(body) == 1, f"harness/{room}/__init__.py holds more than a docstring"


def at_the_top(path: Path) -> set[str]:
    names = set()
    for node in tree(path).body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
    return names


def test_heavy_libraries_are_imported_late():
    tops = {module: at_the_top(path) for path, module in files().items()}
    slow = {m for m, names in tops.items() if {n.split(".")[0] for n in names} & HEAVY}
    while further := {m for m, names in tops.items() if names & slow} - slow:
        slow |= further
    early = [m for m in slow if not m.startswith(LATE) and room_of(m) != "benchmarks"]
    assert not early


def test_files_and_functions_are_short():
    long, wide = [], []
    for path, module in files().items():
        lines = path.read_text(encoding="utf-8").count("\n")
        if lines > MOST_LINES and module not in LONG:
            long.append(f"{module}: {lines}")
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > MOST_FUNCTION and f"{module}.{node.name}" not in WIDE:
                    wide.append(f"{module}.{node.name}: {length}")
    assert not long
    assert not wide


def main() -> None:
    """Print the counts."""
    rooms = {room_of(module) for _, module in files().items()} - {"harness"}
    up = [(a, b) for a, b in arrows() if floor_of(b) > floor_of(a)]
    print(f"{len(rooms)} rooms, {len(FLOORS)} floors, {len(arrows())} arrows, {len(up)} upward, "
          f"{len(circles(file_edges()))} circles of files")  # fmt: skip
    for room, group in itertools.groupby(sorted(arrows()), lambda pair: pair[0]):
        print(f"  {room}: {', '.join(b for _, b in group)}")


if __name__ == "__main__":
    main()
