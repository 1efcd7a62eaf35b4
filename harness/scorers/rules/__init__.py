"""Scorers that read answers by rules."""
