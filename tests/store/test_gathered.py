import pytest

from harness.store import buffer as gathered
from harness.store.buffer import Gathered


def test_what_comes_at_once_is_written_together_and_what_is_left_at_the_end():
    written = []
    with Gathered(written.append, 60) as held:
        for part in ([1, 2], [], [3]):
            held.add(part)
        assert written == []
    assert written == [[1, 2, 3]]


def test_much_is_written_however_soon(monkeypatch):
    monkeypatch.setattr(gathered, "ROWS_OF_A_SHARD", 3)
    written = []
    with Gathered(written.append, 60) as held:
        for part in ([1, 2], [3, 4], [5]):
            held.add(part)
    assert written == [[1, 2, 3, 4], [5]]


def test_little_is_written_once_it_has_waited(monkeypatch):
    now = 0.0
    monkeypatch.setattr(gathered.time, "monotonic", lambda: now)
    written = []
    with Gathered(written.append, 2) as held:
        for now in (1.0, 2.0, 3.0, 4.0):
            held.add([now])
        assert written == [[1.0, 2.0], [3.0, 4.0]]
    assert len(written) == 2


def test_what_is_held_is_written_before_an_error_goes_on():
    written = []

    def interrupted():
        with Gathered(written.append, 60) as held:
            held.add([1])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert written == [[1]]
