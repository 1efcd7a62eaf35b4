"""Imports transformers without scipy, which it takes one function of, for object detection.

To import this file is to import transformers so.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

PUT_OFF = "scipy.optimize"
"""Takes a tenth of the time until a model is loaded."""


class Standing(ModuleType):
    """Stands for the module while functions are taken from it: they import it when called."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """What stands for a function."""
        if name.startswith("__"):
            raise AttributeError(name)

        def function(*args: Any, **kwargs: Any) -> Any:
            return getattr(importlib.import_module(PUT_OFF), name)(*args, **kwargs)

        return function


def import_transformers() -> None:
    """Import what loads models, where nobody has imported it or scipy before."""
    if PUT_OFF in sys.modules or "transformers.loss.loss_utils" in sys.modules:
        return
    sys.modules[PUT_OFF] = Standing(PUT_OFF)
    try:
        with suppress(ImportError):  # of another version, whose import says itself what is wrong
            importlib.import_module("transformers.loss.loss_utils")
    finally:
        del sys.modules[PUT_OFF]


import_transformers()
