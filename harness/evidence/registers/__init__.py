"""`python -m harness.evidence.registers`: methods of the field, and which of them are here."""
