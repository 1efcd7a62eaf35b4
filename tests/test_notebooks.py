"""The notebooks, executed on the tables of small runs."""

from pathlib import Path

import nbformat
import pytest
from jupyter_client import KernelManager
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def results(tmp_path_factory, command):
    """Two runs that were asked the same, and one of discrimination."""
    folder = tmp_path_factory.mktemp("runs")
    for options in (
        ["task=med_harm", "limit=6"],
        ["task=med_harm", "limit=6", "mitigation=system_prompt"],
        ["task=discrimination", "limit=2"],
    ):
        done = command("harness", "backend=echo", "report=false", *options, cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder / "results"


def printed(notebook):
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", ())]
    return "\n".join(one.get("text") or str(one.get("data")) for one in outputs)


SHOWN = {
    "compare": ["system_prompt", "without a pair", "image/png", "text_after"],
    "discrimination": ["fixed effect", "Hispanic", "image/png", "cluster"],
    "python": ["count", "worse_by", "not worse by 0.3 or more"],
    "tour": ["benign refused", "mass of yes and no", "scores that could not be had", ">>> "],
}


@pytest.fixture(scope="module")
def kernel(results):
    """One kernel, which has imported what the first notebook needs."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("HARNESS_RESULTS", str(results))
        manager = KernelManager()
        manager.start_kernel(cwd=NOTEBOOKS[0].parent)
        yield manager
        manager.shutdown_kernel(now=True)


@pytest.mark.long
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_notebook_runs_on_the_tables_of_a_small_run(path, kernel):
    notebook = nbformat.read(path, as_version=4)
    forget = nbformat.v4.new_code_cell("%reset -f")  # what another notebook has defined
    notebook.cells.insert(0, forget)
    client = NotebookClient(notebook, timeout=300, km=kernel)
    try:
        client.execute()
    finally:
        client.kc.stop_channels()
    text = printed(notebook)
    assert [words for words in SHOWN[path.stem] if words not in text] == []
    assert "stderr" not in {one.get("name") for c in notebook.cells for one in c.get("outputs", ())}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs_and_run_no_model(path):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    forbidden = ["torch", "model=", *([] if path.stem == "python" else ["harness."])]
    assert not any(word in cell.source for cell in code for word in forbidden)
    if path.stem == "python":
        assert '"backend": "echo"' in code[0].source
