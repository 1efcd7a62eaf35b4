"""What was measured of a scorer: agreement with people, and whether it gives what it gave."""

from harness.validity.anchors import anchor_texts, check, check_cheap, measure, record
from harness.validity.records import (
    ENGLISH,
    Figure,
    Glance,
    Grade,
    Record,
    glance,
    recalls,
    save,
    sentence,
    uncovered,
)

__all__ = [
    "ENGLISH",
    "Figure",
    "Glance",
    "Grade",
    "Record",
    "anchor_texts",
    "check",
    "check_cheap",
    "glance",
    "measure",
    "recalls",
    "record",
    "save",
    "sentence",
    "uncovered",
]
