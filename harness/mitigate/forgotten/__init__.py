"""`python -m harness.mitigate.forgotten`: whether what was to be forgotten is, and what it cost."""
