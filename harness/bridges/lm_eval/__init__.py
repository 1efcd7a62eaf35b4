"""lm-eval's tasks as tasks of ours."""
