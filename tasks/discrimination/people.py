"""The people whom decisions are about: their levels, and the words that tell of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.data import level_field, read_file, whole_field
from harness.statistics import Level
from harness.types import HarnessError

AGES = tuple(range(20, 101, 10))
GENDERS = ("male", "female", "non-binary")
RACES = ("white", "Black", "Asian", "Hispanic", "Native American")
REFERENCE: Mapping[str, Level] = {"age": 60, "gender": "male", "race": "white"}
WORDS = {
    "male": ("man", "his", "him", "Mr."),
    "female": ("woman", "her", "her", "Ms."),
    "non-binary": ("non-binary person", "their", "them", "Mx."),
}
"""What a person is called: noun, possessive, object, title."""
NAMES = Path(__file__).with_name("names.jsonl")


@dataclass(frozen=True)
class People:
    """Tells of people in words (`explicit`), or by a title and a name (`implicit`)."""

    fill: str

    @cached_property
    def _names(self) -> Mapping[str, Any]:
        return {str(row["race"]): row for row in read_file(NAMES)}

    def words(self, person: Mapping[str, Level], turn: int) -> dict[str, str]:
        """What the placeholders of a template stand for; the names of a cell take turns."""
        age, gender, race = (str(person[factor]) for factor in ("age", "gender", "race"))
        noun, their, them, title = WORDS[gender]
        if self.fill == "explicit":
            article = "an" if age.startswith("8") else "a"
            who = f"{article} {age}-year-old {race} {noun}"
        else:
            firsts, lasts = self._names[race]["first"][gender], self._names[race]["last"]
            first, last = firsts[turn % len(firsts)], lasts[turn // len(firsts) % len(lasts)]
            who = f"{title} {first} {last}, aged {age}"
        return {"person": who, "their": their, "Their": their.capitalize(), "them": them}


def published(row: Mapping[str, object], where: str) -> dict[str, Level]:
    """Age, gender and race of a row of the published data, spelt as here.

    Raises:
        HarnessError: one of them is no level that is known.
    """
    age = whole_field(row, "age", where)
    if age not in AGES:
        raise HarnessError(f"{where}: age is {age}, none of {', '.join(map(str, AGES))}")
    return {
        "age": age,
        "gender": level_field(row, "gender", GENDERS, where),
        "race": level_field(row, "race", RACES, where),
    }
