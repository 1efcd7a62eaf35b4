"""`harness.run`: what `python -m harness` does, from Python and with a model in memory."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.command import check, composing, overrides_of, resolve, too_many_missing
from harness.runs.cli import Composed, composed, plan_of
from harness.runs.flow import run as carry_out
from harness.show import progress
from harness.store import FinishedRun, RunStore
from harness.types import HarnessError, Model, Unreadable

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

OF_BACKEND = re.compile(r"[+~]*(backend(?:@\S*?)?(?:\.\w+)?)[.=].*|~(backend\S*)", re.DOTALL)
"""An override of how a model is read and asked."""
OF_MEMORY = ("chat_template", "template_args", "today", "token_budget")
"""Options of `backend=hf` that a model in memory takes as well."""
OF_THE_COMMAND = {"forecast", "forecast_like", "show", "report", "folders"}
"""Options of the command line that say what is printed."""


@dataclass(frozen=True)
class Results:
    """A finished run: its folder, and its tables as data frames, which are read when asked for."""

    run: FinishedRun

    @property
    def folder(self) -> Path:
        """Where it is kept; the same call again reads it from there."""
        return self.run.folder

    @property
    def unmeasured(self) -> float:
        """The largest share of scores that a headline estimate lacks, 0 to 1."""
        return float(self.run.info.unmeasured)

    @cached_property
    def estimates(self) -> pd.DataFrame:
        """A row an estimate: its interval, counts, worst and best end, and what it is worth."""
        return self._table("estimates")

    @cached_property
    def scores(self) -> pd.DataFrame:
        """A row a score; where it could not be had the value is missing and `error` says why."""
        return self._table("scores")

    @cached_property
    def generations(self) -> pd.DataFrame:
        """A row an answer, as the model gave it."""
        import pyarrow as pa

        return _frame(pa.concat_tables(self.run.generation_parts()))

    @cached_property
    def samples(self) -> pd.DataFrame:
        """A row a sample: what was asked, and its fields."""
        return _frame(self.run.samples())

    def report(self) -> Path:
        """Write the page of the run where it is not there yet; gives its path."""
        from harness.report.page import keep_report

        return keep_report(self.folder)

    def show(self, everything: bool = False) -> None:
        """Print the table that the command prints; `everything` for each row of it."""
        from harness.report.console import print_run

        print_run(self.run, everything)

    def __repr__(self) -> str:
        """Where it is kept, how much was asked, and how much of it is measured."""
        measured = f"{1 - self.unmeasured:.1%} of scores measured"
        return f"Results({str(self.folder)!r}: {self.run.info.samples} samples, {measured})"

    def _table(self, name: str) -> pd.DataFrame:
        table = RunStore(self.folder).read_table(name)
        if table is None:
            raise Unreadable(f"{str(self.folder)!r}: {name} cannot be read; run its command again")
        return _frame(table)


def _frame(table: pa.Table) -> pd.DataFrame:
    """The table with Arrow's types, in which a missing number is missing and no float."""
    import pandas as pd

    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def read(folder: str | Path) -> Results:
    """The finished run in a folder.

    Raises:
        HarnessError: there is none, it is not finished, or an earlier version wrote it.
    """
    if not isinstance(folder, str | Path):
        raise HarnessError(f"{folder!r} is no folder of a run; give its path")
    return Results(FinishedRun.read(Path(folder)))


def run(
    task: str,
    model: Any = "smollm2",
    *,
    tokenizer: Any = None,
    name: str | None = None,
    **options: Any,
) -> Results:
    """Ask a model a task, score its answers, and give the tables; what is finished is read.

    Args:
        task: as `task=` has it.
        model: as `model=` has it, or a causal language model of transformers in memory, which is
            left as it was.
        tokenizer: of a model in memory, with the chat template that is to be used.
        name: what tables call a model in memory; None: what it was loaded from.
        options: all others of `python -m harness`: `limit=10`, `scorer=["refusal", "guidance"]`,
            `mitigation="system_prompt"`, `generation={"n": 5}`, `**{"task.data": "FILE"}`.

    Returns:
        The run, with `estimates`, `scores`, `generations` and `samples` as data frames.

    Warns:
        UserWarning: more scores of a headline estimate are missing than `max_unmeasured` allows.

    Raises:
        HarnessError: an option means nothing, or the run cannot be carried out.
    """
    if printed := sorted(OF_THE_COMMAND & set(options)):
        raise HarnessError(
            f"{', '.join(printed)} say what the command prints; call show() or report() of what "
            "harness.run returns"
        )
    in_memory = not isinstance(model, str | Path)
    if not in_memory and (tokenizer is not None or name is not None):
        raise HarnessError(f"tokenizer and name are of a model in memory, and model={model!r}")
    if name is not None and not isinstance(name, str):
        raise HarnessError(f"name={name!r} must be text: what tables call the model")
    named = {} if in_memory else {"model": model}
    overrides = overrides_of({"task": task, **named, **options})
    weights = None
    if in_memory:
        _check_held(model, tokenizer, overrides)
        weights = _begin_digest(model)
    with composing():
        whole = composed(overrides)
    if tasks := list(whole.cfg.suite):
        raise HarnessError(
            f"experiment and suite ask several tasks ({', '.join(tasks)}), and harness.run asks "
            "one; call it for each, or run python -m harness experiment=..."
        )
    check(whole.cfg)
    held = _held(model, tokenizer, name, whole, weights) if in_memory else None
    finished = FinishedRun.read(carry_out(plan_of(whole, {}, held), progress).folder)
    results, allowed = Results(finished), whole.cfg.max_unmeasured
    if results.unmeasured > allowed:
        words = too_many_missing(results.unmeasured, allowed, results.folder)
        warnings.warn(words, UserWarning, stacklevel=2)
    return results


def _check_held(model: Any, tokenizer: Any, overrides: Sequence[str]) -> None:
    """Refuse what cannot be asked, and options that nothing would read.

    Raises:
        HarnessError: it is no model, has no tokenizer, or is given what it does not take.
    """
    ours = isinstance(model, Model)
    if not ours and not (hasattr(model, "config") and hasattr(model, "state_dict")):
        raise HarnessError(
            f"model={type(model).__name__} is neither a name or folder nor a model of transformers "
            "or of ours"
        )
    if not ours and not hasattr(model, "generation_config"):
        raise HarnessError(
            f"model={type(model).__name__} has no part that writes texts; give a causal language "
            "model, as AutoModelForCausalLM.from_pretrained gives one"
        )
    if not ours and not hasattr(tokenizer, "apply_chat_template"):
        detail = "" if tokenizer is None else f", and {type(tokenizer).__name__} is none"
        raise HarnessError(
            f"a model in memory needs its tokenizer: harness.run(..., tokenizer=...){detail}"
        )
    refuse_unread(overrides, f"this {type(model).__name__}", () if ours else OF_MEMORY)


def refuse_unread(overrides: Sequence[str], subject: str, taken: Sequence[str] = OF_MEMORY) -> None:
    """Refuse options of how a model is read where it is in memory as it is.

    Args:
        overrides: as the command line has them.
        subject: what is in memory, in words.
        taken: options of `backend=hf` that are taken all the same.

    Raises:
        HarnessError: it names them.
    """
    options = [match[1] or match[2] for text in overrides if (match := OF_BACKEND.fullmatch(text))]
    if "backend=hf" in overrides and taken:
        options.remove("backend")
    if unread := sorted(set(options) - {f"backend.{option}" for option in taken}):
        takes = f"{', '.join(taken[:-1])} and {taken[-1]} alone" if taken else "none of them"
        raise HarnessError(
            f"{', '.join(unread)}: backend's options say how a model is read, and {subject} is in "
            f"memory as it is; it takes {takes}"
        )


def prompt_settings(whole: Composed) -> dict[str, Any]:
    """What a configuration says of the prompts of a model in memory."""
    backend = resolve(whole.cfg)["backend"]
    return {option: backend[option] for option in OF_MEMORY}


def _begin_digest(model: Any) -> Future[str] | None:
    """The digest of a model of transformers, which is under way while options are composed.

    None: it is one of ours, or some of its weights are elsewhere.
    """
    if isinstance(model, Model):
        return None
    from harness.models.hf.digests import begin_digest
    from harness.models.hf.spreading import is_offloaded

    model = _uncompiled(model)
    return None if is_offloaded(model) else begin_digest(model)


def _uncompiled(model: Any) -> Any:
    """The model that torch.compile was given: our attention has other shapes."""
    return getattr(model, "_orig_mod", model)


def _held(
    model: Any, tokenizer: Any, name: str | None, whole: Composed, weights: Future[str] | None
) -> Model:
    """A model in memory as one of ours, with what the configuration says of its prompts.

    Raises:
        HarnessError: its template does not take them.
    """
    if isinstance(model, Model):
        return model
    from harness.models.hf.held import HeldModel

    loaded_from = str(getattr(model.config, "_name_or_path", "") or type(model).__name__)
    called, settings = name or Path(loaded_from).name, prompt_settings(whole)
    return HeldModel(_uncompiled(model), tokenizer, called, **settings, weights=weights)
