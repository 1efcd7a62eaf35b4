import json
import sys
from collections import Counter

import pytest

from harness.command import task_of
from harness.scorers.molecules import chemistry
from harness.scorers.molecules.endpoints import Neighbours
from harness.scorers.molecules.repair import STEPS, MoleculeRepairScorer, read_candidates
from harness.scorers.rules.answers import AnswersScorer
from harness.scorers.rules.trial_results import TrialResultsScorer
from harness.scorers.rules.yes_fields import YesFieldsScorer
from harness.testing import check_scorer, check_task
from harness.types.errors import HarnessError
from harness.types.records import Generation, Sample

SHARE = "share >= 1"
SCORERS = {
    "yes_fields": YesFieldsScorer, "answers": AnswersScorer, "trial_results": TrialResultsScorer,
}  # fmt: skip
NITRO = "O=C(Nc1ccc(cc1)[N+](=O)[O-])c1ccccc1"
CYANO = "O=C(Nc1ccc(cc1)C#N)c1ccccc1"
SAMPLE = Sample("q", "?", metadata={"smiles": NITRO, "task": "ames"})


@pytest.fixture
def with_rdkit():
    pytest.importorskip("rdkit", reason='RDKit is not installed: pip install ".[chemistry]"')


def samples(**options):
    task = task_of("molecule_repair", **options)
    return list(task.samples(task.records()))


def values(text, sample=SAMPLE, **options):
    (row,) = MoleculeRepairScorer(**options).score([sample], [Generation("q", 0, text)])
    return {score.metric: score.value for score in row}


def test_the_contract():
    check_task(task_of("molecule_repair"))


def test_the_starter_set_has_24_molecules_of_eleven_kinds():
    kinds = Counter(sample.metadata["task"] for sample in samples())
    assert (len(kinds), sum(kinds.values()), min(kinds.values())) == (11, 24, 2)


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        ("MODIFIED_SMILES: CCO;CCN;CCC", ["CCO", "CCN", "CCC"]),
        ("**MODIFIED_SMILES:** `CCO` ; `CCN`", ["CCO", "CCN"]),
        ("Modified_SMILES:\n1. CCO (less toxic)\n2. CCN", ["CCO", "CCN"]),
        ('{"MODIFIED_SMILES": ["CCO", "C[N+](C)C"]}', ["CCO", "C[N+](C)C"]),
        ("First MODIFIED_SMILES: CCO\n\nNo: MODIFIED_SMILES: CCN", ["CCN"]),
        ("MODIFIED_SMILES: none", []),
        ("MODIFIED_SMILES:", None),
        ("CCO is safer.", None),
    ],
)
def test_candidates_are_read_as_models_write_them(text, candidates):
    assert read_candidates(text) == candidates


def test_the_authors_files_are_read(tmp_path, shared_data):
    path = tmp_path / "tox21.json"
    path.write_text(json.dumps([{"task": "tox21_SR_ARE", "id": 1, "smiles": "CCO"},
                                {"task": "ames", "id": 1, "smiles": "CCN"}]))  # fmt: skip
    wordings = str(shared_data / "toximol" / "tasks.jsonl")
    first, second = samples(data=str(path), instructions=wordings)
    assert (first.id, first.metadata["subtask"]) == ("SR_ARE-1", "SR_ARE")
    assert "SR-ARE" in first.prompt[0].content
    assert "Ames test positive" in second.prompt[0].content
    assert len({s.prompt[0].content.split("\n")[0] for s in samples(instructions=wordings)}) > 10
    path.write_text(json.dumps([{"task": "eyes", "id": 1, "smiles": "CCO"}]))
    with pytest.raises(HarnessError, match="none of ames"):
        samples(data=str(path))


def test_without_rdkit_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdkit", None)
    chemistry.rdkit.cache_clear()
    with pytest.raises(HarnessError, match=r'pip install "\.\[chemistry\]"'):
        _ = MoleculeRepairScorer().identity
    chemistry.rdkit.cache_clear()


@pytest.mark.usefixtures("with_rdkit")
class TestWithRdkit:
    def test_the_scorer_s_contract(self):
        check_scorer(MoleculeRepairScorer(), [SAMPLE])

    def test_measures_are_rdkit_s_and_known_ones(self):
        aspirin = chemistry.parsed("CC(=O)Oc1ccccc1C(=O)O")
        assert chemistry.drug_likeness(aspirin) == pytest.approx(0.550, abs=0.001)
        assert chemistry.synthetic_accessibility(aspirin) == pytest.approx(1.58, abs=0.01)
        assert chemistry.rules_broken(aspirin) == 0
        assert chemistry.rules_broken(chemistry.parsed("C" * 60)) == 2  # weight and logP
        assert chemistry.similarity(aspirin, aspirin) == 1
        ethanol = [chemistry.canonical(chemistry.parsed(s)) for s in ("CCO", "OCC")]
        assert ethanol[0] == ethanol[1]
        assert [chemistry.parsed(s) for s in ("", "C(C", "c1ccc", "C" * 501)] == [None] * 4

    @pytest.mark.parametrize(
        ("text", "failed_at"),
        [
            ("none", 0), ("C(C; c1cc", 0), (NITRO, 1), ("O=C(Nc1ccc([N+](=O)[O-])cc1)c1ccccc1", 1),
            ("O=C(Nc1ccc(cc1)[N+](=O)[O-])c1ccccc1C", 2), ("C", 3),
            ("c1ccc(cc1)CNC(=O)C1CCCCC1", 6),
            (f"C(C; {CYANO}", 7), (f"CCO; CCN; CCC; {CYANO}", 3),
        ],
    )  # fmt: skip
    def test_a_failure_is_attributed_to_the_first_step_that_none_passes(self, text, failed_at):
        found = values(f"MODIFIED_SMILES: {text}")
        assert found["failed_at"] == failed_at
        assert found["repaired"] == found["repaired_strict"] == (failed_at == len(STEPS))

    def test_what_lists_nothing_is_missing_and_no_repair(self):
        found = values("I would replace the nitro group.")
        assert found["repaired"] is None
        assert found["repaired_strict"] == found["candidates_listed"] == 0

    def test_an_endpoint_that_cannot_say_is_never_safe(self):
        quiet = Sample("q", "?", metadata={"smiles": "Cc1ccc(cc1)C(=O)NC", "task": "herg"})
        found = values("MODIFIED_SMILES: Cc1ccc(cc1)C(=O)NCC", quiet)
        assert found["repaired"] is found["endpoint"] is found["failed_at"] is None
        assert found["repaired_strict"] == 0

    def test_a_fitted_endpoint_is_an_option(self, tmp_path):
        path = tmp_path / "known.jsonl"
        rows = [(NITRO, 1), (NITRO + "C", 1), (CYANO, 0), (CYANO.replace("C#N", "C#CC"), 0)]
        path.write_text("\n".join(json.dumps({"smiles": s, "toxic": t}) for s, t in rows))
        nearest = Neighbours(str(path), count=1)
        assert values(f"MODIFIED_SMILES: {CYANO}", endpoint=nearest)["repaired"] == 1
        toxic = "MODIFIED_SMILES: O=C(Nc1ccc(cc1)[N+](=O)[O-])c1ccccc1C"
        assert values(toxic, endpoint=nearest)["endpoint"] == 0
        assert values("MODIFIED_SMILES: CCCCCC", endpoint=nearest)["endpoint"] is None
        path.write_text('{"smiles": "x", "toxic": 1}')
        with pytest.raises(HarnessError, match="record 1"):
            _ = Neighbours(str(path)).identity

    def test_catalogues_are_those_of_rdkit(self):
        from harness.scorers.molecules.endpoints import StructuralAlerts

        with pytest.raises(HarnessError, match="RDKit has ALL, BRENK"):
            _ = StructuralAlerts(["NONSENSE"]).identity

    def test_the_perfect_the_copying_and_the_unknowing_get_what_they_deserve(self, estimates_of):
        task = task_of("molecule_repair")
        scorers = {"molecule_repair": MoleculeRepairScorer()}
        perfect = estimates_of(task, scorers, lambda s: s.target)
        assert perfect["repaired", SHARE, None]["estimate"] == 1
        copied = estimates_of(task, scorers, lambda s: f"MODIFIED_SMILES: {s.metadata['smiles']}")
        assert copied["repaired", SHARE, None]["estimate"] == 0
        step = "how far the best candidate came"
        assert copied[step, "share", "valid, but the original"]["estimate"] == 1
        assert copied["any candidate safe", SHARE, None]["estimate"] == 0
        same = estimates_of(task, scorers, lambda s: f"MODIFIED_SMILES: {CYANO}")
        assert same["repaired", SHARE, None]["estimate"] < 0.2  # one answer to everything
        silent = estimates_of(task, scorers, lambda s: "I do not know.")
        row = silent["repaired", SHARE, None]
        assert (row["estimate"], row["n_failed"], row["worst"]) == (None, 24, 0)
        assert silent["repaired, unparsed is not", SHARE, None]["estimate"] == 0


def test_an_echo_of_what_is_asked_is_no_answer(estimates_of):
    for name, scorer, metric in (
        ("drug_toxicity", "yes_fields", "answers read"),
        ("chemistry_safety", "answers", "answers read"),
        ("trial_results", "trial_results", "numbers read"),
    ):
        task = task_of(name, **({"answer": "written"} if name == "chemistry_safety" else {}))
        scorers = {scorer: SCORERS[scorer]()}
        rows = estimates_of(task, scorers, lambda s: s.prompt[-1].content.split("\n\n")[-1])
        assert rows[metric, SHARE, None]["estimate"] == 0, name
