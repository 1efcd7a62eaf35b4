"""What `python -m harness.mitigate` takes, by method: seconds, seconds of CPU, peak of memory.

    python benchmarks/weight_mitigations.py FOLDER [--model smollm2] [--texts 200] [--only NAME]

Every method is fitted in a process of its own on so many texts of `--data` (without it: its starter
texts), one pass over each. The last line is JSON. A busy machine moves seconds, hardly those of
CPU.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
METHODS = ("model_surgery", "eigenshift", "task_vector", "domain_adaptation", "preference",
           "selective_repair", "safety_tuning")  # fmt: skip


def main() -> None:
    """Fit, print, end in JSON."""
    parser = argparse.ArgumentParser(description="What each weight mitigation takes to be made")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--data", help="a file of texts, as data= takes it")
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--only", choices=METHODS)
    args = parser.parse_args()
    measured = {}
    print(f"{'method':<20}{'seconds':>9}{'of CPU':>9}{'peak GB':>9}", flush=True)
    for method in [args.only] if args.only else METHODS:
        out = args.folder / method
        shutil.rmtree(out, ignore_errors=True)
        options = [f"method={method}", f"model={args.model}", f"out={out}", f"limit={args.texts}"]
        if args.data and method != "safety_tuning":
            options.append(f"data={args.data}")
        measured[method] = taken = fitted(options)
        print(f"{method:<20}{taken[0]:>9.1f}{taken[1]:>9.1f}{taken[2]:>9.2f}", flush=True)
    print(json.dumps(measured))


def fitted(options: list[str]) -> tuple[float, float, float]:
    """Seconds, seconds of CPU and the peak of memory in GB of one call, its start included."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.mitigate", *options],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"failed: {' '.join(options)}")
    peak = used.ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
    return time.monotonic() - started, used.ru_utime + used.ru_stime, peak


if __name__ == "__main__":
    main()
