"""Mitigations in which several calls of a model make one answer."""
