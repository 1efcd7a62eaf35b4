"""RDKit, imported once it is needed: molecules, and what is measured of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from harness.types import HarnessError

ABSENT = 'molecules need RDKit, which is not installed; pip install ".[chemistry]"'
MOST_LETTERS = 500
"""Of a SMILES; a longer one is no small molecule."""


@cache
def rdkit() -> Any:
    """The module `rdkit.Chem` with what is used of it.

    Raises:
        HarnessError: RDKit is not installed.
    """
    try:
        from rdkit import Chem
        from rdkit.Chem import QED, Descriptors, FilterCatalog, Lipinski, rdFingerprintGenerator
    except ImportError as error:
        raise HarnessError(ABSENT) from error
    _ = (QED, Descriptors, FilterCatalog, Lipinski, rdFingerprintGenerator)
    return Chem


def version() -> str:
    """RDKit's version, by which its catalogues and its parser change."""
    rdkit()
    import rdkit as package

    return str(package.__version__)


def parsed(smiles: str) -> Any | None:
    """The molecule of a SMILES; None where it is none, is empty or far too long."""
    chem = rdkit()
    if not smiles or len(smiles) > MOST_LETTERS:
        return None
    from rdkit import rdBase

    with rdBase.BlockLogs():
        molecule = chem.MolFromSmiles(smiles)
    return molecule if molecule is not None and molecule.GetNumHeavyAtoms() else None


def canonical(molecule: Any) -> str:
    """The one SMILES of a molecule, with its stereochemistry."""
    return str(rdkit().MolToSmiles(molecule))


def drug_likeness(molecule: Any) -> float:
    """QED, from 0 to 1 (Bickerton et al. 2012)."""
    return float(rdkit().QED.qed(molecule))


def synthetic_accessibility(molecule: Any) -> float:
    """From 1 (easy to make) to 10 (Ertl and Schuffenhauer 2009), by RDKit's own contribution."""
    return float(_sascorer().calculateScore(molecule))


@cache
def _sascorer() -> Any:
    rdkit()
    from rdkit import RDConfig

    path = Path(RDConfig.RDContribDir) / "SA_Score" / "sascorer.py"
    spec = importlib.util.spec_from_file_location("sascorer", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise HarnessError(f"RDKit's contribution {str(path)!r} is not there; reinstall rdkit")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rules_broken(molecule: Any) -> int:
    """How many of the rule of five's four bounds a molecule exceeds (Lipinski et al. 1997)."""
    chem = rdkit()
    return sum(
        (
            chem.Descriptors.MolWt(molecule) > 500,
            chem.Descriptors.MolLogP(molecule) > 5,
            chem.Lipinski.NumHDonors(molecule) > 5,
            chem.Lipinski.NumHAcceptors(molecule) > 10,
        )
    )


def similarity(first: Any, second: Any) -> float:
    """Tanimoto's coefficient of RDKit's path fingerprints, from 0 to 1, as the paper takes it."""
    chem = rdkit()
    from rdkit import DataStructs

    prints = [chem.RDKFingerprint(molecule) for molecule in (first, second)]
    return float(DataStructs.TanimotoSimilarity(*prints))


@cache
def catalogue(names: tuple[str, ...]) -> Any:
    """RDKit's filter catalogues of these names, in one.

    Raises:
        HarnessError: there is no catalogue of a name.
    """
    filters = rdkit().FilterCatalog
    known = filters.FilterCatalogParams.FilterCatalogs.names
    options = filters.FilterCatalogParams()
    for name in names:
        if name not in known:
            raise HarnessError(
                f"scorers.molecule_repair.endpoint.catalogues has {name!r}; RDKit has "
                f"{', '.join(sorted(known))}"
            )
        options.AddCatalog(known[name])
    return filters.FilterCatalog(options)


def alerts(molecule: Any, names: Sequence[str]) -> list[str]:
    """The structural alerts of some catalogues that a molecule holds."""
    return [entry.GetDescription() for entry in catalogue(tuple(names)).GetMatches(molecule)]


def neighbourhood(molecule: Any) -> Any:
    """The Morgan fingerprint of radius 2, which neighbours are found by."""
    generator = rdkit().rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    return generator.GetFingerprint(molecule)
