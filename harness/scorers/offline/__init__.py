"""Scorers by small networks that come with the project."""
