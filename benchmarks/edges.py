"""What the looking at what comes in from outside costs a run, as a share of its processor seconds.

    python benchmarks/edges.py [--limit 48] [--requests 100000]

A run of `med_harm` on the bundled model, and as many requests of the instant backend with a scorer
that counts words, each under a profiler. Added up are the checks that no other check calls; the
profiler weighs functions that are called often too heavily, so that the shares are upper bounds.
The last line is the same as JSON.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHECKS = {
    "checkpoints/checkpoint.py": ("check_checkpoint", "check_weight_files"),
    "checkpoints/weights.py": (
        "check_weights",
        "check_causal",
        "refuse_other_weights",
        "writable",
        "refuse_unknown_tokens",
    ),
    "checkpoints/endings.py": ("endings_of", "after_answer", "end_of_turn", "appended"),
    "checkpoints/rendered.py": ("check_rendered", "check_open_thought", "opened_by"),
    "checkpoints/templates.py": ("set_template", "marks_of", "template_of", "with_fixed_day"),
    "checkpoints/vendor.py": ("vendor_text", "with_vendor_text"),
    "hf/encoder.py": ("opened", "stopping"),
    "runs/requests.py": ("stopped",),
    "types/thinking.py": ("part", "ended_alone"),
    "command/overrides.py": ("check", "with_texts", "with_letters"),
    "scorers/several_languages.py": ("readable_in",),
    "scorers/languages.py": ("unreadable", "unasked"),
    "scorers/babble.py": ("babbled",),
}
"""Files, by how their paths end, and their functions."""


def main() -> None:
    """Print the share of each way, and what makes the most of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=48)
    parser.add_argument("--requests", type=int, default=100_000)
    args = parser.parse_args()
    sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]
    shares = {
        "bundled": share_of(lambda: bundled(args.limit)),
        "instant": share_of(lambda: instant(args.requests)),
    }
    print(json.dumps({way: round(sum(parts.values()), 5) for way, parts in shares.items()}))


def bundled(limit: int) -> None:
    """`med_harm` on the bundled model, its usual scorers included."""
    import harness

    with tempfile.TemporaryDirectory() as results:
        harness.run("med_harm", limit=limit, results=results)


def instant(count: int) -> None:
    """Requests that are answered at once."""
    from pipeline import time_run  # type: ignore[import-not-found]

    time_run("words", count, 1)


def share_of(work: Callable[[], None]) -> Mapping[str, float]:
    """Of a piece of work, the share of processor seconds that each outermost check takes."""
    import time

    profile = cProfile.Profile(time.process_time)
    profile.runcall(work)
    stats = pstats.Stats(profile)
    checks = {key for key in stats.stats if _is_check(key)}  # type: ignore[attr-defined]
    total = stats.total_tt  # type: ignore[attr-defined]
    parts: dict[str, float] = {}
    for key in checks:
        callers = stats.stats[key][4]  # type: ignore[attr-defined]
        outside = sum(row[3] for caller, row in callers.items() if caller not in checks)
        parts[key[2]] = parts.get(key[2], 0.0) + outside / total
    for name, share in sorted(parts.items(), key=lambda part: -part[1])[:6]:
        print(f"{name:24}{share:8.3%}")
    print(f"{'all checks':24}{sum(parts.values()):8.3%} of {total:.1f} processor seconds\n")
    return parts


def _is_check(key: tuple[str, int, str]) -> bool:
    path = key[0].replace("\\", "/")
    return any(path.endswith(file) and key[2] in names for file, names in CHECKS.items())


if __name__ == "__main__":
    main()
