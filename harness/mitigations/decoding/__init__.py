"""Mitigations that change how probable each next token is, while a model writes."""
