"""`python -m harness.evidence.risks`: which risks are measured, by what, and which are not."""
