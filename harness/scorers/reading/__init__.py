"""Reads letters, levels and winners that a model wrote."""
