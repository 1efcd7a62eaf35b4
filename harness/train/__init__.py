"""`python -m harness.train`: makes the offline scorers' weights."""
