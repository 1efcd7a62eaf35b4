"""`python -m harness.evidence.bundle`: a run as one file that verifies."""
