"""What a plugin may say beside what its protocol asks of it: every optional attribute there is.

A plugin declares a trait as an attribute of its class or its objects; where it does not, the
default holds. `trait` is how all of this project reads one, and `harness.testing` refuses a name
that is nearly one of these, since nothing would ever read it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType, UnionType
from typing import Any

METHOD: Any = Callable | None
"""Of a trait that is called."""


@dataclass(frozen=True)
class Trait:
    """An optional attribute of a plugin."""

    type: type | UnionType
    """Of its value."""
    default: Any
    """What holds where it is not declared."""
    doc: str
    """What it means, in a sentence."""


NOTES = Trait(
    Sequence,
    (),
    "What it found in a file, a checkpoint, a template or a server that changes what its numbers "
    "mean, in whole sentences; `run.json`, the console and the report show them.",
)
REMARKS = Trait(
    Mapping,
    MappingProxyType({}),
    "What else a reader of `run.json` should know of how it worked.",
)

RISKS = Trait(
    Sequence,
    (),
    "Numbers of the risks of Weidinger et al., 1 to 21, that it bears on: a task shows them, a "
    "scorer measures them, a mitigation lowers them (`harness.evidence.risks`).",
)

TRAITS: Mapping[str, Mapping[str, Trait]] = {
    "task": {
        "labels": Trait(
            Mapping,
            MappingProxyType({}),
            "By metadata column and value, as text, the name that tables and figures show.",
        ),
        "next_turn": Trait(
            METHOD,
            None,
            "From a sample that comes after others, and the answers to those in order, to the "
            "sample as it is then asked; the same each time. Where a model speaks for the person "
            "it is given the person's words since the first turn, too.",
        ),
        "notes": NOTES,
        "person_prompt": Trait(
            METHOD,
            None,
            "From a sample that comes after others, the answers to those in order, and the "
            "person's words since the first turn, to what a model is asked that speaks for the "
            "person (`person=`).",
        ),
        "reporting": Trait(
            Sequence,
            (),
            "Those of its options that change nothing but what is made of the scores, so that "
            "changing them keeps a run's answers.",
        ),
        "risks": RISKS,
        "settings": Trait(
            Mapping,
            MappingProxyType({}),
            "How its answers are generated, by `GenerationConfig`'s names, where the command line "
            "does not say.",
        ),
        "span": Trait(str, "full", "The part of an answer that is scored: `full` or "
                      "`first_sentence`."),
        "whole_clusters": Trait(
            bool,
            False,
            "Whether a limit is of clusters rather than of samples: half a grid has no contrasts.",
        ),
    },
    "model": {
        "asks_each": Trait(
            bool, False, "Whether each generation of a prompt is a request of its own, to be paid."
        ),
        "count_tokens": Trait(
            METHOD,
            None,
            "From requests to the tokens of each prompt with its choices; loads no weights.",
        ),
        "device": Trait(
            str | None,
            "auto",
            "Where it is to run, if that is known before, as torch writes it; None: on no device "
            "of this machine.",
        ),
        "device_used": Trait(
            str | None,
            "auto",
            "Where it runs, once it does, as torch writes it; None before, and where it takes no "
            "device of this machine. Scorers may then use the others.",
        ),
        "memory": Trait(
            METHOD,
            None,
            "Gives the bytes of the weights, and of the keys and values of one token; None is "
            "unknown. Loads no weights.",
        ),
        "notes": NOTES,
        "placement": Trait(
            METHOD,
            None,
            "From the most tokens of all prompts, of all answers, and of one answer to bytes of "
            "weights by place, bytes that are carried to what computes at each forward, and how "
            "many forwards there are; None where one device holds all. Loads no weights.",
        ),
        "prices": Trait(
            Mapping | None, None, "Of a million tokens, `input` and `output`, in any currency."
        ),
        "rendered": Trait(
            METHOD,
            None,
            "From a request to the text that the model gets; None where that is made elsewhere. "
            "Loads no weights.",
        ),
        "remarks": REMARKS,
        "vendor_text": Trait(
            METHOD,
            None,
            "Gives the system text that the chat template writes of its own, or None.",
        ),
    },
    "scorer": {
        "asides": Trait(
            Collection,
            (),
            "Metrics that stand beside others and may be missing without anything being "
            "unmeasured.",
        ),
        "cheap": Trait(
            bool,
            False,
            "Whether it is held against its record on the anchor texts before each run "
            "(`harness.drift`).",
        ),
        "device": Trait(
            str | None,
            "auto",
            "What it computes on, as torch writes it; `auto`: known once it has loaded; None: "
            "plain Python will do. One that needs no device, or another than the model's, works in "
            "a thread while the model generates, and meets answers in whatever order they finish.",
        ),
        "exact": Trait(
            bool, False, "Whether what it reads needs no judgement that people could share or not."
        ),
        "languages": Trait(
            Collection | None,
            None,
            "The languages that it reads, by their names in English; an answer in another has no "
            "score, with that reason. None: it reads any, as a judge does, or no language at all.",
        ),
        "notes": NOTES,
        "of_requests": Trait(
            bool, False, "Whether it reads what was asked alone, so that empty answers have scores."
        ),
        "nothing_where": Trait(
            str | None,
            None,
            "A metric of its own whose 0 says that an answer holds nothing that its other metrics "
            "could measure: they are missing then, and nothing has failed.",
        ),
        "risks": RISKS,
        "rubrics": Trait(
            Mapping,
            MappingProxyType({}),
            "For a metric what people are asked who label it.",
        ),
        "remarks": REMARKS,
        "so_far": Trait(
            Collection,
            (),
            "Metrics that hold for a conversation up to the answer that is scored; those of the "
            "last turn are the conversation's.",
        ),
        "tolerance": Trait(
            float,
            1e-3,
            "Of a metric's range, by how much its values on the anchor texts may differ between "
            "machines.",
        ),
        "weak": Trait(
            Mapping,
            MappingProxyType({}),
            "For a metric what it was measured to be poor at, with the figure, in a few words "
            "after `but`; it stands beside the agreement with people wherever that does.",
        ),
    },
    "statistic": {
        "bounded": Trait(
            bool,
            False,
            "Whether `compare` takes `limits` beside values: what those that are missing are known "
            "to lie between. To one that does not they are missing.",
        ),
        "explained": Trait(
            bool,
            False,
            "Whether it is given the explanations of the scores instead of their values.",
        ),
        "of_scorer": Trait(
            str | None,
            None,
            "Identity of the scorer whose values it is made for; of another's it says nothing.",
        ),
        "of_samples": Trait(
            METHOD,
            None,
            "From values, shape (samples, generations), to one of each sample, in the metric's "
            "unit; the gate pairs what has it.",
        ),
        "stratified": Trait(
            bool,
            False,
            "Whether `estimate` takes `strata` beside clusters: of each value the stratum that is "
            "fixed. One that does not takes samples as drawn from all alike.",
        ),
        "range": Trait(
            str | None,
            None,
            "What its estimates lie within: `share`, from 0 to 1; `metric`, the metric's own "
            "range; None: any number.",
        ),
        "weight": Trait(
            str | None,
            None,
            "A metadata column of numbers, which `fields` names too; `estimate` then takes "
            "`weights` beside clusters: of each value how much it counts.",
        ),
    },
    "mitigation": {
        "by_prompt": Trait(
            bool,
            False,
            "Whether it changes states by what `prompt_scores` reads of the row's prompt "
            "(harness/models/hf/hooks.py).",
        ),
        "keep": Trait(
            bool,
            False,
            "Whether it goes after a vendor's system text, which the backend must then know.",
        ),
        "layers": Trait(
            Sequence, (), "Numbers of the layers whose states it changes; none: every layer's."
        ),
        "made_for": Trait(
            Sequence,
            (),
            "What it is meant to change: some of `harm`, `toxicity`, `discrimination`; whatever "
            "else it changes, `harness.mitigate.compare` calls a side effect. None: not said.",
        ),
        "method_class": Trait(
            str,
            "",
            "What it is in the survey of unlearning by Si and others (2023): `parameter "
            "optimisation`, `parameter merging` or `in-context`; empty: outside of it.",
        ),
        "notes": NOTES,
        "reports": Trait(
            Mapping,
            MappingProxyType({}),
            "What it notes of each answer (`Generation.noted`) that stands in a run's tables as a "
            "mean, by name what the numbers mean.",
        ),
        "risks": RISKS,
    },
}  # fmt: skip
"""By kind of plugin and by name. A name that several kinds have has one default."""
