"""`python -m harness.agreement`: how far a scorer agrees with people."""
