"""Reads data sets, files of labels and templates."""

from harness.data.addresses import file_at, hub_files
from harness.data.fields import (
    blank,
    level_field,
    name_field,
    number_field,
    object_field,
    text_field,
    truth_field,
    whole_field,
)
from harness.data.files import read_file, walk_file
from harness.data.formats import FILE_CUT, READERS, open_text
from harness.data.labels import LabelFormat, Labelled, digest, part_of, read_label_file
from harness.data.objects import nested
from harness.data.placeholders import fill
from harness.data.sources import HubFiles, read_records
from harness.data.suffixes import interventions

__all__ = [
    "FILE_CUT",
    "READERS",
    "HubFiles",
    "LabelFormat",
    "Labelled",
    "blank",
    "digest",
    "file_at",
    "fill",
    "hub_files",
    "interventions",
    "level_field",
    "name_field",
    "nested",
    "number_field",
    "object_field",
    "open_text",
    "part_of",
    "read_file",
    "read_label_file",
    "read_records",
    "text_field",
    "truth_field",
    "walk_file",
    "whole_field",
]
