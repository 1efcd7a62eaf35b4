"""Models of any provider that any-llm-sdk reaches."""
