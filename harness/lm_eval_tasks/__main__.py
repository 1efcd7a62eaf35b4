"""`lm_eval --include_path $(python -m harness.lm_eval_tasks) --tasks harness_med_harm ...`."""

from pathlib import Path

if __name__ == "__main__":
    print(Path(__file__).resolve().parent)
