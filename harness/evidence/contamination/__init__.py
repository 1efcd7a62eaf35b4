"""`python -m harness.evidence.contamination`: whether a task's items stand in a corpus."""
