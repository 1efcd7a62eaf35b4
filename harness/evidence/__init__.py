"""What shows others what was measured, what was not, and that nobody changed it."""
