"""Mitigations that act on a model's weights, and the methods that make them."""
