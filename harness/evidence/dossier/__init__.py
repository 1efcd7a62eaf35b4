"""`python -m harness.evidence.dossier`: runs as one page that stands on its own."""
