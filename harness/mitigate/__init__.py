"""`python -m harness.mitigate`: makes a model safer and writes what it made, with a card."""
