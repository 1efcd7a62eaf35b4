"""`python -m harness.evidence.card`: a risk card, filled from a run."""
