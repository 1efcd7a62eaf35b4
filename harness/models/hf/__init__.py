"""Models that transformers runs, by an engine of our own."""
