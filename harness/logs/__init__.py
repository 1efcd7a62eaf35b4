"""Logs: what is in one of any tool (`look`), and runs of ours in other tools' forms (`export`)."""
