"""Says what is in a file of answers, and what can and cannot be concluded from it."""
