"""The first prompt of a run as the model gets it, kept so that anyone can see what was asked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from harness.runs.plan import Plan
from harness.runs.requests import requests_of
from harness.runs.samples import Samples
from harness.types import (
    HarnessError,
    Request,
    Sample,
    WrapsModel,
    parts_of,
    stands_in,
    trait,
    up_to,
    well_formed,
)

MOST = 20_000
"""Characters of a prompt that are kept; its digest is of them all."""
QUOTED = 200
"""Characters of a vendor's text that a note quotes."""


def first_prompt(plan: Plan, samples: Samples, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """What `run.json` keeps of the first prompt: its sample, its text, and the text's digest.

    Args:
        plan: of the run.
        samples: of the run.
        before: what was kept when the run began; None: it begins now.

    Raises:
        HarnessError: the prompt is rendered otherwise than when the run began, the chat template
            does not take it, or `mitigation.keep` is asked of a backend that cannot keep.
    """
    sample = _sample(samples, before["sample"] if before else None)
    request = requests_of(sample, (0,), plan.mitigation)[0]
    record: dict[str, Any] = {"sample": sample.id}
    if any(isinstance(part, WrapsModel) for part in parts_of(plan.mitigation)):
        record["given_to"] = plan.mitigation_name
    text = _rendered(plan, request)
    find = trait(plan.model, "vendor_text")
    if plan.mitigation and trait(plan.mitigation, "keep") and (text is None or find is None):
        raise HarnessError(
            f"mitigation.keep=true: the prompts of model={plan.model.name!r} are not rendered "
            "here, so that its chat template's own system text is not known; write it into "
            "mitigation.text"
        )
    if text is None:
        turns = [turn for turn in request.prompt if not isinstance(turn, str)]
        messages = [
            {"role": turn.role, "content": up_to(well_formed(turn.content), MOST)} for turn in turns
        ]
        return record | {"messages": messages, "rendered": "by the server or backend"}
    digest = hashlib.sha256(text.encode()).hexdigest()
    if before and before.get("sha256", digest) != digest:
        raise HarnessError(
            f"the prompt of sample {sample.id!r} is rendered otherwise than when this run began "
            f"(sha256 {digest[:8]}, then {before['sha256'][:8]}), as another version of "
            "transformers may; go on with the versions that its run.json names, or begin anew with "
            "results=FOLDER"
        )
    record |= {"text": up_to(text, MOST), "sha256": digest}
    if len(text) > MOST:
        record["characters"] = len(text)
    vendor = find() if find and not isinstance(request.prompt, str) else None
    return record | ({"vendor_text": vendor} | _place(request, text, vendor) if vendor else {})


def notes_on(first: Mapping[str, Any]) -> list[str]:
    """What everyone who reads the run's numbers must know of its first prompt."""
    wrap, vendor = first.get("given_to"), first.get("vendor_text")
    notes = (
        [f"Prompts stand as mitigation {wrap} is given them; what it asks in turn is its own."]
        if wrap
        else []
    )
    if not vendor:
        return notes
    words = " ".join(vendor.split())
    quoted = words if len(words) <= QUOTED else f"{up_to(words, QUOTED)}\u2026"
    system = f"The chat template's own system text {WHERE[first['vendor_stands']]}: {quoted!r}."
    return [*notes, system]


WHERE = {
    "alone": "stands in every prompt, for this run sends no system message",
    "before": "stands in every prompt, before this run's system message",
    "gone": (
        "is in no prompt, for this run's system message takes its place (mitigation.keep=true puts "
        "a mitigation's after it)"
    ),
}
"""Where a vendor's text stands, in words."""


def _place(request: Request, text: str, vendor: str) -> dict[str, str]:
    """Whether the vendor's text stands alone, before a system message, or not at all."""
    if not stands_in(vendor, text):
        return {"vendor_stands": "gone"}
    sends = not isinstance(request.prompt, str) and request.prompt[0].role == "system"
    return {"vendor_stands": "before" if sends else "alone"}


def _rendered(plan: Plan, request: Request) -> str | None:
    """The prompt as the model gets it; None where it is rendered elsewhere."""
    if isinstance(request.prompt, str):
        return well_formed(request.prompt)
    render = trait(plan.model, "rendered")
    text: str | None = render(request) if render else None
    return text


def _sample(samples: Samples, sample_id: str | None) -> Sample:
    """The first sample, or the one that was the first when the run began."""
    first: Sample | None = None
    for _, window in samples.windows():
        first = first or window[0]
        if sample_id is None:
            break
        for sample in window:
            if sample.id == sample_id:
                return sample
    if first is None:
        raise HarnessError("the run has no samples")
    return first
