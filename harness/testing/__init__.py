"""The contracts of tasks, models, scorers and mitigations, as checks for anyone's plugin.

Each check raises `AssertionError` with a sentence that says what does not hold:

    from harness.testing import check_scorer

    def test_my_scorer():
        check_scorer(MyScorer())
"""

from harness.testing.contracts import (
    LONG_TEXT,
    ODD_TEXTS,
    check_model,
    check_scorer,
    check_statistic,
    check_task,
    check_traits,
)
from harness.testing.mitigations import check_mitigation

__all__ = [
    "LONG_TEXT",
    "ODD_TEXTS",
    "check_mitigation",
    "check_model",
    "check_scorer",
    "check_statistic",
    "check_task",
    "check_traits",
]
