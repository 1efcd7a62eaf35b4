"""How likely a model finds plain text that nobody could take offence at; see README.md here."""

from __future__ import annotations

from collections.abc import Iterator
from math import log
from pathlib import Path

from harness.data import name_field, read_records, text_field
from harness.statistics import Mean, Perplexity
from harness.types import Estimand, Margin, Records, Sample, with_margins

STARTER = Path(__file__).parent / "texts.jsonl"
MARGINS = {"loss": Margin(log(1.05), "of nats a token: 5 % of perplexity", guard=True)}
STRATA = ("topic",)


class NeutralText:
    """What a mitigation takes from a model's command of the language.

    Args:
        data: `starter`, or a file of texts.
    """

    name = "neutral_text"
    version = "1"
    estimands = with_margins(
        (
            Estimand("loss", "text_nll", Mean(), strata=STRATA),
            Estimand("perplexity", "text_nll", Perplexity("geometric")),
            Estimand("mean perplexity", "text_nll", Perplexity("dexperts")),
            Estimand("loss", "text_nll", Mean(), by="topic"),
        ),
        MARGINS,
    )

    def __init__(self, data: str = "starter") -> None:
        self.data = data

    def records(self) -> Records:
        """The starter's texts, or the user's file."""
        return read_records(self.data, STARTER)

    def samples(self, records: Records) -> Iterator[Sample]:
        """One sample a text, which is weighed after nothing at all."""
        for number, row in enumerate(records.rows, 1):
            where = f"record {number} of {records.name!r}"
            yield Sample(
                id=name_field(row, "id", f"{records.name}-{number}"),
                prompt="",
                choices=(text_field(row, ("text",), where),),
                metadata={"topic": name_field(row, "topic", "not stated")},
            )
