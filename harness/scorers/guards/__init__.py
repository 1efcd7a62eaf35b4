"""Scorers by guard models of others."""
