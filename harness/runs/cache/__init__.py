"""What was converted or downloaded once and is kept in the cache: shown, and removed."""
