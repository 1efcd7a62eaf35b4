"""`python -m harness.review`: people label a part of a run, and correct it."""
