"""Makes what a method makes: whole or not at all, and once for each question."""

from __future__ import annotations

import json
import resource
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock, Timeout

from harness.mitigate.asked import Asked
from harness.mitigate.card import CARD, read_card, write_card
from harness.mitigate.texts import Learned, read_texts
from harness.mitigations.fitting.method import Fit
from harness.types import HarnessError, fingerprint

QUESTION = "question.json"
"""In the folder of what is not yet whole: what it is to be."""


def fit_and_write(asked: Asked, out: Path, forecast: bool = False) -> None:
    """Fit the method and write its folder; what is there already is left as it is.

    Raises:
        HarnessError: the folder holds something else, or the method cannot be fitted.
    """
    learned = read_texts(asked.data, asked.method.starter, asked.exclude, asked.limit, asked.seed)
    if forecast:
        with TemporaryDirectory() as scratch:
            _fit(asked, learned, Path(scratch), forecast=True)
        return
    question = asked.question(learned)
    if out.exists():
        _refuse_another(out, question)
        print(f"{out} is there already; nothing is left to do")
        return
    partial = out.with_name(f".{out.name}.partial")
    try:
        partial.mkdir(parents=True, exist_ok=True)
        with FileLock(partial / "lock", timeout=0):
            _begin(partial, question)
            _fit(asked, learned, partial).rename(out)
        shutil.rmtree(partial, ignore_errors=True)
    except Timeout as error:
        raise HarnessError(f"out={str(out)!r} is being written by another process") from error
    except OSError as error:
        raise HarnessError(f"out={str(out)!r} cannot be written: {error.strerror}") from error
    print(f"written to {out}: {asked.method.use.format(out=out)}")


def _fit(asked: Asked, learned: Learned, partial: Path, forecast: bool = False) -> Path:
    """Let the method write its files, and the card beside them; gives their folder."""
    started, cpu = time.monotonic(), time.process_time()
    written = partial / "written"
    shutil.rmtree(written, ignore_errors=True)
    written.mkdir()

    def log(line: str) -> None:
        print(f"{line}, {time.monotonic() - started:.0f} s", flush=True)

    left_out = f", {learned.left_out} left out" if learned.left_out else ""
    log(f"{asked.name} on {asked.model.name}: {len(learned.texts)} texts{left_out}")
    fit = Fit(asked.model, learned.texts, asked.seed, written, partial, log, forecast)
    facts = asked.method.fit(fit)
    if not forecast:
        work = {"seconds": round(time.monotonic() - started, 1), "peak_gb": _peak_gb(),
                "cpu_seconds": round(time.process_time() - cpu, 1)}  # fmt: skip
        write_card(written, asked, learned, {**facts, **work})
    return written


def _refuse_another(out: Path, question: Mapping[str, object]) -> None:
    try:
        card = read_card(out)
    except (OSError, ValueError) as error:
        raise HarnessError(
            f"out={str(out)!r} is there and holds no {CARD} of ours; give another folder"
        ) from error
    if card.get("question") != fingerprint(question):
        raise HarnessError(
            f"out={str(out)!r} holds what another question made ({card.get('method')}, seed "
            f"{card.get('seed')}, data {str(card.get('data_sha256'))[:8]}); give another folder"
        )


def _begin(partial: Path, question: Mapping[str, object]) -> None:
    """Keep what an earlier call of the same question left, and nothing of another's."""
    content = json.dumps(question, sort_keys=True)
    file = partial / QUESTION
    if file.exists() and file.read_text(encoding="utf-8") == content:
        return
    for path in partial.iterdir():
        if path.name != "lock":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    file.write_text(content, encoding="utf-8")


def _peak_gb() -> float:
    """The most memory that this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e9 if sys.platform == "darwin" else 1e6), 2)
