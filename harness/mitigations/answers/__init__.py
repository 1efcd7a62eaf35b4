"""Mitigations that change the answer, and damages that do."""
