"""Would a suite notice? A model damaged in known, graded ways, before the gate."""
