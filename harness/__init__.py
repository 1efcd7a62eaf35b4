"""A safety-evaluation benchmark for language models.

    import harness

    before = harness.run("med_harm", "smollm2", limit=30)
    after = harness.run("med_harm", model, tokenizer=tokenizer, name="step-500", limit=30)
    print(harness.compare(before, after).verdict)

What is named here stays; all else may change between versions.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.regression.callback import SafetyCallback
    from harness.regression.python import Compared, compare
    from harness.runs.python import Results, read, run
    from harness.types import HarnessError

_PLACES = {
    "Compared": "harness.regression.python",
    "HarnessError": "harness.types",
    "Results": "harness.runs.python",
    "SafetyCallback": "harness.regression.callback",
    "compare": "harness.regression.python",
    "read": "harness.runs.python",
    "run": "harness.runs.python",
}
__all__ = ["Compared", "HarnessError", "Results", "SafetyCallback", "compare", "read", "run"]


def __getattr__(name: str) -> Any:
    """Import what is asked for, and only that: `import harness` alone takes no time."""
    if name not in _PLACES:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
