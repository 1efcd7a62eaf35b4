"""Detoxify's classifiers, from their weights alone."""
