"""What the attacked model is, and how it is asked: options of ordinary runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.command import quoted
from harness.mitigate.recover.attacks import (
    FORGET,
    LANGUAGES,
    ON_WEIGHTS,
    RETAIN,
    Attack,
    Row,
    drawn,
    in_language,
)
from harness.regression.mutate.asking import runs_of
from harness.store import FinishedRun, write_text
from harness.types import HarnessError, digest_file


@dataclass(frozen=True)
class Case:
    """A model that is to have forgotten, beside the one that knew."""

    target: str
    unlearned: str
    under: Sequence[str]
    """Mitigations under which the unlearned model is asked, in order."""
    task: str
    data: str
    """Of the task: `starter`, or a file."""
    rows: Sequence[Row]
    """Of that data."""
    items: int
    """That are relearned."""
    shots: int
    """Of many_shot."""
    course: Mapping[str, Any]
    """Of the relearning."""
    seed: int
    options: Sequence[str]
    """Of all runs."""
    config_dirs: Sequence[str]
    cache: Path

    def known(self) -> FinishedRun:
        """The run of the model that knew."""
        return self._run(self.target, [], self.data)

    def forgotten(self) -> FinishedRun:
        """The run of the unlearned model."""
        return self._run(self.unlearned, self._mitigated(), self.data)

    def attacked(self, attack: Attack) -> FinishedRun:
        """The run of the unlearned model under an attack."""
        if attack.acts_on == ON_WEIGHTS:
            return self._run(str(self._checkpoint(attack)), self._mitigated(), self.data)
        if attack.name in LANGUAGES:
            file = self._written(attack.name, in_language(self.rows, attack.name))
            return self._run(self.unlearned, self._mitigated(), str(file))
        options: dict[str, object] = {}
        name = attack.name
        if attack.name == "many_shot":
            examples = drawn(self.rows, RETAIN, self.shots, self.seed)
            file = self._written("shots", _asked_and_answered(examples))
            name, options = "in_context", {"k": len(examples), "data": str(file)}
        return self._run(self.unlearned, self._mitigated(name, options), self.data)

    def relearned(self, attack: Attack) -> list[Row]:
        """The items that an attack trains on."""
        parts = {"relearn_forget": FORGET, "relearn_retain": RETAIN}
        if attack.name not in parts:
            return []
        return drawn(self.rows, parts[attack.name], self.items, self.seed)

    def _checkpoint(self, attack: Attack) -> Path:
        from harness.mitigate.recover.checkpoints import relearned, rounded

        self.cache.mkdir(parents=True, exist_ok=True)
        if items := self.relearned(attack):
            file = self._written(attack.name, _asked_and_answered(items))
            return relearned(self.unlearned, file, self.course, self.seed, self.cache)
        return rounded(self.unlearned, int(attack.name.removeprefix("bits_")), self.cache)

    def _mitigated(self, name: str = "", options: Mapping[str, object] | None = None) -> list[str]:
        """Options of a run under the mitigations, an attack's own behind them."""
        names = [*self.under, name] if name else list(self.under)
        attack_options = [option for option in (options or {}).items() if name]
        group = f"mitigations.{name}" if len(names) > 1 else "mitigation"
        chosen = [f"mitigation=[{','.join(names)}]"] if names else []
        return [*chosen, *(f"{group}.{key}={_as_option(value)}" for key, value in attack_options)]

    def _run(self, model: str, options: Sequence[str], data: str) -> FinishedRun:
        asked = [f"task={self.task}", f"model={quoted(model)}", *options, *self.options]
        if data != "starter":
            asked.append(f"task.data={quoted(data)}")
        runs = runs_of(asked, self.config_dirs)
        if len(runs) != 1:
            raise HarnessError(f"task={self.task!r} made {len(runs)} runs, and attacks need one")
        return runs[0]

    def _written(self, name: str, rows: Sequence[Row]) -> Path:
        """A file of rows, whose name changes with what is in it."""
        self.cache.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{json.dumps(dict(row), ensure_ascii=False)}\n" for row in rows)
        first = write_text(self.cache / f"{name}.partial", text)
        return first.rename(self.cache / f"{name}-{digest_file(first)[:8]}.jsonl")


def _as_option(value: object) -> str:
    return quoted(value) if isinstance(value, str) else str(value)


def _asked_and_answered(rows: Sequence[Row]) -> list[Row]:
    return [{"request": row["question"], "answer": row["answer"]} for row in rows]
