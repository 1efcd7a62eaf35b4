"""`python -m harness.mitigate.recover`: does what was forgotten come back?"""
