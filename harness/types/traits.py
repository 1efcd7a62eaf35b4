"""What a plugin may say beside what its protocol asks of it: every optional attribute there is.

A plugin declares a trait as an attribute of its class or its objects; where it does not, the
default holds. `trait` is how all of this project reads one, and `harness.testing` refuses a name
that is nearly one of these, since nothing would ever read it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType, UnionType
from typing import Any, NamedTuple, get_args

from harness.types.errors import HarnessError

NEAR = 0.8
"""How alike two names are (difflib's ratio, from 0 to 1) of which one is a slip of the other:
`whole_cluster`, `note` and `aside` are, `memo` for `memory` (0.8) just so, `labels` is not."""
ABSENT = object()
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
TOLD = Trait(
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
        "notes": NOTES,
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
        "prices": Trait(
            Mapping | None, None, "Of a million tokens, `input` and `output`, in any currency."
        ),
        "rendered": Trait(
            METHOD,
            None,
            "From a request to the text that the model gets; None where that is made elsewhere. "
            "Loads no weights.",
        ),
        "told": TOLD,
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
            Collection | None, None, "Codes of the languages that it reads; None: any."
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
        "told": TOLD,
        "tolerance": Trait(
            float,
            1e-3,
            "Of a metric's range, by how much its values on the anchor texts may differ between "
            "machines.",
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
    },
    "mitigation": {
        "keep": Trait(
            bool,
            False,
            "Whether it goes after a vendor's system text, which the backend must then know.",
        ),
        "layers": Trait(
            Sequence, (), "Numbers of the layers whose states it changes; none: every layer's."
        ),
        "notes": NOTES,
        "risks": RISKS,
    },
}  # fmt: skip
"""By kind of plugin and by name. A name that several kinds have has one default."""


class Misspelt(NamedTuple):
    """An attribute that nothing reads, and the trait that its name is nearly."""

    name: str
    nearest: str


def trait(plugin: object, name: str) -> Any:
    """What a plugin says of itself under a trait's name, or the trait's default.

    An error inside of a property is that error, never the default.

    Raises:
        HarnessError: what it says is not of the trait's type.
        KeyError: there is no such trait.
    """
    declared = next(traits[name] for traits in TRAITS.values() if name in traits)
    try:
        value = getattr(plugin, name)
    except AttributeError:
        if inspect.getattr_static(plugin, name, ABSENT) is not ABSENT:
            raise
        return declared.default
    if not _is(value, declared.type):
        raise HarnessError(
            f"{type(plugin).__name__}.{name}={value!r} must be {_words(declared.type)}: "
            f"{declared.doc}"
        )
    return value


def misspelt(kind: str, plugin: object) -> Iterator[Misspelt]:
    """The public attributes of a plugin that are nearly a trait which it does not have.

    Args:
        kind: of plugin, as `TRAITS` has it.
        plugin: an object of a class of that kind.
    """
    lacking = {_plain(name): name for name in TRAITS[kind] if not hasattr(plugin, name)}
    for name in dir(plugin):
        if name.startswith("_") or name in TRAITS[kind]:
            continue
        for near in get_close_matches(_plain(name), lacking, n=1, cutoff=NEAR):
            yield Misspelt(name, lacking[near])


def notes_of(*plugins: object) -> list[str]:
    """What plugins found out about what came from outside, each note once: their trait `notes`."""
    return list(dict.fromkeys(note for plugin in plugins for note in trait(plugin, "notes")))


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _is(value: object, kind: type | UnionType) -> bool:
    """Whether a value is of a type; a text is no sequence of names."""
    if isinstance(value, str):
        return str in (get_args(kind) or (kind,))
    return isinstance(value, kind)


def _words(kind: type | UnionType) -> str:
    names = (getattr(part, "__name__", str(part)) for part in get_args(kind) or (kind,))
    return " or ".join("None" if name == "NoneType" else name for name in names)
