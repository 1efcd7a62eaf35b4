"""`python -m harness.evidence.verify`: whether a bundle's numbers come out of its rows."""
