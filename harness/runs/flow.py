"""The whole flow: samples, requests, generations, scores, estimates, each stored as it comes."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from harness.runs.asked import Asked
from harness.runs.dialogues import Dialogues
from harness.runs.first_prompts import first_prompt, notes_on
from harness.runs.generating import generate
from harness.runs.index import StoredGenerations, StoredScores, stored_scores
from harness.runs.open_thoughts import fail_untold
from harness.runs.plan import Plan, unproven
from harness.runs.result_tables import write_samples, write_tables
from harness.runs.samples import Samples
from harness.runs.scoring import Overlap, Progress, score_rest
from harness.store import Result, RunStore
from harness.types import machine, notes_of, peak_bytes, trait
from harness.validity import check_cheap


def run(plan: Plan, progress: Progress) -> Result:
    """Do what of the plan is not done yet, and give its tables.

    Raises:
        HarnessError: the plan cannot be carried out; what was stored stays.
    """
    asked = Asked.of(plan)
    store = RunStore(asked.folder)
    if finished := _finished(store, asked.description, plan):
        return finished
    with store.writing():
        before = store.info() or {}
        limit = _never_less(plan.limit, before)
        samples = asked.samples.choose(limit, plan.balanced)
        check = functools.cache(functools.partial(check_cheap, plan.scorers, plan.results))
        if trait(plan.inner_model, "device_used") is None:
            check()  # else it is in memory, and its first token does not wait for scorers
        session = _session(plan)
        sessions = [*before.get("sessions", []), session]
        info = {**asked.description, "limit": limit, "samples": len(samples), "sessions": sessions}
        info["balanced"] = plan.balanced and limit is not None
        info["made_for"] = list(trait(plan.mitigation, "made_for"))
        info["method_class"] = str(trait(plan.mitigation, "method_class"))
        info["dialogues"] = before.get("dialogues", False)
        info["notes"] = before.get("notes", [])
        info["first_prompt"] = before.get("first_prompt")
        with _running(store, info, plan):
            write_samples(store, samples)
            scores = _answer_and_score(plan, store, samples, info, check, progress)
            written = write_tables(asked, scores)
            info["notes"] = _notes(plan, info)
        counts = scores[0].generations.counts()
        info |= {"status": "complete"} | counts | {"unmeasured": written.unmeasured}
        info["missing"] = written.missing
        info["languages"] = scores[0].generations.languages()
        info["unread"] = written.unread
        info["unproven"] = unproven(plan, info["languages"])
        store.write_info(info)
    return Result(store.folder, info, written.estimates)


def _finished(store: RunStore, description: Mapping[str, Any], plan: Plan) -> Result | None:
    """The run as it is stored, where it holds all that is asked; reads no generation."""
    info = store.info()
    if info is None or info["status"] != "complete" or plan.retry_failed:
        return None
    if any(info.get(key) != value for key, value in description.items()):
        return None
    limit = plan.limit
    if plan.balanced and info["limit"] is not None and not info.get("balanced"):
        return None
    if info["limit"] is not None and (limit is None or limit > info["limit"]):
        return None
    estimates = store.read_table("estimates")
    return None if estimates is None else Result(store.folder, info, estimates)


def _never_less(limit: int | None, before: Mapping[str, Any]) -> int | None:
    """A limit extends a finished run and never shrinks it."""
    if limit is None or before.get("status") != "complete":
        return limit
    return None if before["limit"] is None else max(limit, before["limit"])


def _session(plan: Plan) -> dict[str, Any]:
    """What `run.json` keeps of this call of the command."""
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": _versions(),
        "machine": machine(),
        "config": plan.config,
    }


@contextlib.contextmanager
def _running(store: RunStore, info: Mapping[str, Any], plan: Plan) -> Iterator[None]:
    """Let `run.json` say that the run is at work, and that it was interrupted if it was."""
    store.write_info({**info, "status": "running"})
    try:
        yield
    except BaseException:
        store.write_info({**info, "status": "interrupted", "notes": _notes(plan, info)})
        raise


def _answer_and_score(
    plan: Plan,
    store: RunStore,
    samples: Samples,
    info: dict[str, Any],
    check: Callable[[], None],
    progress: Progress,
) -> list[StoredScores]:
    """Generate and score what is not stored yet, and note in the session what that took.

    No score is made before `check` has held the scorers against their record.
    """
    session: dict[str, Any] = info["sessions"][-1]
    generations = StoredGenerations(store, samples, plan.generation.n)
    if generations.todo(plan.retry_failed).any():
        info["first_prompt"] = first_prompt(plan, samples, info["first_prompt"])
        info["notes"] = list(dict.fromkeys([*info["notes"], *notes_on(info["first_prompt"])]))
        store.write_info({**info, "status": "running"})
    scores = stored_scores(generations, plan.scorers, plan.retry_failed)
    overlap = Overlap(plan.scorers, plan.inner_model, scores, check)
    session["generate"] = generate(plan, generations, overlap, progress)
    check()
    info["notes"] = list(dict.fromkeys([*info["notes"], *fail_untold(plan, generations, info)]))
    if trait(plan.task, "next_turn"):
        dialogues = Dialogues(generations)
        write_samples(store, samples, dialogues)
        info["dialogues"] = dialogues.chained
    session["score_while_generating"] = _seconds(overlap.seconds)
    spent = {name: score_rest(plan.scorers, of_one, progress) for name, of_one in scores.items()}
    session["score"] = _seconds(spent)
    remarks = {name: dict(trait(scorer, "remarks")) for name, scorer in plan.scorers.items()}
    session["scorers"] = {name: remark for name, remark in remarks.items() if remark}
    session["device"] = trait(plan.inner_model, "device_used")
    session["model"] = dict(trait(plan.inner_model, "remarks"))
    session["peak_bytes"] = peak_bytes()
    return list(scores.values())


def _notes(plan: Plan, info: Mapping[str, Any]) -> list[str]:
    """What plugins found out about what came from outside, earlier sessions' notes first."""
    scorers = [plan.scorers[name] for name in plan.scorers]
    now = notes_of(plan.task, plan.model, plan.mitigation, plan.person, *scorers)
    return list(dict.fromkeys([*info["notes"], *now]))


def _seconds(spent: Mapping[str, float]) -> dict[str, float]:
    return {name: round(seconds, 2) for name, seconds in spent.items() if seconds}


def _versions() -> dict[str, str]:
    versions = {}
    for package in ("harness", "torch", "transformers", "pyarrow", "numpy"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
