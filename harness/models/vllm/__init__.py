"""Models that vLLM runs."""
