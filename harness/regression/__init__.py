"""`python -m harness.regression`: is the new checkpoint safe to ship?"""
