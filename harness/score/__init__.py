"""`python -m harness.score`: scores answers that are there already."""
