"""Answers from files."""
