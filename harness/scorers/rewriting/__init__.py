"""Whether a toxic text was rewritten: what is gone of it, and what is still there."""
