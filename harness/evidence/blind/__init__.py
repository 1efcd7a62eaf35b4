"""`python -m harness.evidence.blind`: two systems' answers, rated by people who know neither."""
