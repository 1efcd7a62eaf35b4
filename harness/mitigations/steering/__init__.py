"""Mitigations that change what a model passes on from layer to layer."""
