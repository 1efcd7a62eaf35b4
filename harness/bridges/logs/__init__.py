"""Logs of other tools, read as answers that are stored."""
