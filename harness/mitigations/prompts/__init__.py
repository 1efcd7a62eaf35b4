"""Mitigations that change the request."""
