"""This project's tasks for lm-eval: a folder for its `--include_path`."""
