"""`python -m harness.mitigate.compare`: mitigations of one model beside each other."""
