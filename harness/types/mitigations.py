"""What a mitigation acts on, and several mitigations as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol, runtime_checkable

from harness.types.declared import notes_of, trait
from harness.types.measures import Metric
from harness.types.plugins import Mitigation, Model
from harness.types.records import Request

HOOKS = ("change_logits", "change_states", "change_weights")
"""Methods by which a mitigation acts inside a model; harness/models/hf/hooks.py says what each is
given."""


class MethodClass(StrEnum):
    """What a method that makes a model forget is in the survey of Si and others (2023)."""

    PARAMETERS = "parameter optimisation"
    MERGING = "parameter merging"
    IN_CONTEXT = "in-context"


@runtime_checkable
class ChangesRequest(Protocol):
    """A mitigation that changes how a sample is asked."""

    def apply(self, request: Request) -> Request:
        """The request as it is to be asked instead: another prompt, and all else as it was."""
        ...


@runtime_checkable
class WrapsModel(Protocol):
    """A mitigation that stands between the requests and the model, whatever the backend."""

    def wrap(self, model: Model) -> Model:
        """A model that answers by asking this one; asks and loads nothing yet.

        It may ask the model several times, or change its answers. It answers every index of every
        request, and the same whatever is asked beside it, as every model does.
        """
        ...


@runtime_checkable
class TakesHooks(Protocol):
    """A model that mitigations can act inside of."""

    def hooked(self, mitigations: Sequence[Mitigation]) -> Model:
        """A model like this one in which the mitigations act, in order; this one stays as it is.

        Raises:
            HarnessError: a mitigation does not fit the model; loads no weights to say so.
        """
        ...


@dataclass(frozen=True)
class Stack:
    """Several mitigations as one.

    Requests are changed by each in order. Of those that wrap, the first stands outermost: a request
    meets it first. Hooks act in order.
    """

    parts: Mapping[str, Mitigation]
    """By name, in order."""

    @property
    def name(self) -> str:
        """The names, as tables have them: `a+b`."""
        return "+".join(self.parts)

    @property
    def identity(self) -> Mapping[str, str]:
        """Each one's, with its place."""
        return {
            f"{place}.{key}": value
            for place, part in enumerate(self.parts.values(), 1)
            for key, value in part.identity.items()
        }

    @property
    def notes(self) -> Sequence[str]:
        """Each one's."""
        return notes_of(*self.parts.values())

    @property
    def made_for(self) -> Sequence[str]:
        """All that any of them is meant to change."""
        return list(dict.fromkeys(aim for p in self.parts.values() for aim in trait(p, "made_for")))

    @property
    def method_class(self) -> str:
        """Each one's, where they have any."""
        classes = (trait(part, "method_class") for part in self.parts.values())
        return " and ".join(dict.fromkeys(filter(None, classes)))

    @property
    def reports(self) -> Mapping[str, Metric]:
        """Each one's; what several report alike multiplies, as calls within calls do."""
        reports: dict[str, Metric] = {}
        for part in self.parts.values():
            for name, metric in trait(part, "reports").items():
                high = reports[name].high if name in reports else 1.0
                reports[name] = replace(metric, high=metric.high * high)
        return reports

    @property
    def keep(self) -> bool:
        """Whether one of them keeps a vendor's system text before its own."""
        return any(trait(part, "keep") for part in self.parts.values())


def parts_of(mitigation: Mitigation | None) -> Sequence[Mitigation]:
    """The mitigations that a run has, in order."""
    if mitigation is None:
        return ()
    return tuple(mitigation.parts.values()) if isinstance(mitigation, Stack) else (mitigation,)


def hooks_of(mitigation: Mitigation) -> list[str]:
    """By which methods a mitigation acts inside the model."""
    return [name for name in HOOKS if callable(getattr(mitigation, name, None))]


def changed(request: Request, mitigation: Mitigation | None) -> Request:
    """The request as it is asked, each mitigation that changes requests having changed it."""
    for part in parts_of(mitigation):
        if isinstance(part, ChangesRequest):
            request = part.apply(request)
    return request
