"""What changes how a model answers; one file a mitigation."""
