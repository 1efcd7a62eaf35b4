"""Scorers of what a model is asked, whatever it answers."""
