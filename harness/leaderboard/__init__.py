"""`python -m harness.leaderboard`: models beside each other."""
