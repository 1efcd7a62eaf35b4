"""Conversations on a run's page: one row each, turn by turn, and where a verdict was decided."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from harness.report.texts import shown_text
from harness.store import FinishedRun, RunStore

Row = Mapping[str, Any]
Entry = Mapping[str, Any]
Mark = tuple[str, bool]
"""What was decided in a turn, in words, and whether for the better."""
UNKEPT = "(what the person said here is not kept: this is a repeat, and the task spoke for them)"


def talks_of(samples: pa.Table) -> list[list[int]]:
    """The rows of each conversation's turns, in order; a turn has more before it than the last.

    >>> turns = ['[{"role": "user"}]', '[{"role": "user"}, {"role": "assistant"}]']
    >>> talks_of(pa.table({"cluster": ["a", "a", "a"], "messages": [*turns, turns[0]]}))
    [[0, 1], [2]]
    """
    talks: list[list[int]] = []
    before = (None, 0)
    rows = zip(samples["cluster"].to_pylist(), samples["messages"].to_pylist(), strict=True)
    for number, (cluster, messages) in enumerate(rows):
        length = len(json.loads(messages or "[]"))
        if cluster != before[0] or length <= before[1]:
            talks.append([])
        talks[-1].append(number)
        before = cluster, length
    return talks


def person_words(run: FinishedRun) -> dict[tuple[str, int], str]:
    """What a model said in the person's part, by the sample before which it did, and the repeat."""
    words = {}
    for _, table in RunStore(run.folder).shards("persons"):
        for row in table.select(["sample_id", "index", "text"]).to_pylist():
            if row["text"] is not None:
                words[row["sample_id"], row["index"]] = row["text"]
    return words


def talked(
    entry: Entry,
    words: Mapping[tuple[str, int], str],
    meanings: Mapping[str, Row],
    estimands: Sequence[Row],
) -> dict[str, object]:
    """A conversation as the page's script reads it; of what is none nothing.

    Args:
        entry: of its last turn, with all of them as `talk`: sample, answer and verdicts of each.
        words: of a model in the person's part, as `person_words` gives them.
        meanings: of each metric, as run.json has them.
        estimands: of the run, likewise.
    """
    if not entry["talk"]:
        return {}
    return {
        "turns": [
            [role, shown_text(text), [[shown_text(mark), good] for mark, good in marks]]
            for role, text, marks in _spoken(entry["talk"], words, meanings)
        ],
        "undone": [name.replace("_", " ") for name in undone(entry, meanings, estimands)],
    }


def _spoken(
    talk: Sequence[Entry], words: Mapping[tuple[str, int], str], meanings: Mapping[str, Row]
) -> Iterator[tuple[str, str | None, Sequence[Mark]]]:
    """Who said what, in order, with what was decided by it; an answer that failed says why."""
    for number, entry in enumerate(talk):
        messages = json.loads(entry["sample"]["messages"])
        answer = entry["answer"]
        if not number:
            yield from ((m["role"], m["content"], ()) for m in messages if m["role"] == "system")
        written = not number or not answer["index"]
        turn = words.get((answer["sample_id"], answer["index"]), UNKEPT)
        yield "person", messages[-1]["content"] if written else turn, ()
        before = talk[number - 1]["verdicts"] if number else {}
        if answer["text"] is None:
            yield "model", None, [(answer["error"] or f"no text: {answer['finish_reason']}", False)]
        else:
            yield "model", answer["text"], _marks(entry["verdicts"], before, meanings)


def undone(entry: Entry, meanings: Mapping[str, Row], estimands: Sequence[Row]) -> list[str]:
    """Metrics of a whole conversation that end at their worst with nothing to show for it.

    Args:
        entry: of its last turn.
        meanings: of each metric, as run.json has them.
        estimands: of the run; one whose `where` the turn does not meet asks nothing of it.
    """
    metrics = {
        estimand["metric"]
        for estimand in estimands
        if all(entry["sample"].get(name) == value for name, value in estimand["where"].items())
    }
    return [
        metric
        for metric, verdict in entry["verdicts"].items()
        if metric in metrics
        and meanings.get(metric, {}).get("so_far")
        and verdict["explanation"] is None
        and _side(verdict, meanings[metric]) is False
    ]


def _marks(
    verdicts: Mapping[str, Row], before: Mapping[str, Row], meanings: Mapping[str, Row]
) -> list[Mark]:
    """Verdicts at an end of their scale with what shows it; one that stands already is passed."""
    marks = []
    for metric, verdict in verdicts.items():
        meaning = meanings.get(metric, {})
        side = _side(verdict, meaning)
        stood = before[metric]["value"] if meaning.get("so_far") and metric in before else None
        if side is not None and verdict["explanation"] and verdict["value"] != stood:
            name = metric.replace("_", " ")
            marks.append((f"{name} {verdict['value']:g}: {verdict['explanation']}", side))
    return marks


def _side(verdict: Row, meaning: Row) -> bool | None:
    """Whether a value is at the good end of its scale; None where it is at neither end."""
    ends = {"lower": ("low", "high"), "higher": ("high", "low")}.get(meaning.get("better", ""))
    if ends is None or meaning.get("aside"):
        return None
    good, bad = (meaning[end] for end in ends)
    return {good: True, bad: False}.get(verdict["value"])
