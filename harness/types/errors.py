"""What a user can put right.

    HarnessError          bad input of any kind; a command prints it and ends
    ├── NotFinished       a folder holds no finished run of this version
    ├── NotAlike          two runs were not asked, or not scored, the same
    ├── Unreadable        a file of a run is damaged, gone, or refused by the system
    └── Unrenderable      a chat template does not take messages, or leaves some out

The message is one sentence that names the value and the remedy. A kind of its own stands here only
where some caller goes on without what failed: a leaderboard leaves out what is not finished, a
history what is not alike, a text of a vendor's is looked for only where messages can be rendered.
A bare `HarnessError` ends the run.
"""

from __future__ import annotations


class HarnessError(Exception):
    """Something a user can put right; the message is one sentence that says how."""


class NotFinished(HarnessError):
    """A folder holds no finished run of this version: run its command again."""


class NotAlike(HarnessError):
    """Two runs were not asked the same, so that nothing can be said of their difference."""


class Unreadable(HarnessError):
    """A file of a run is damaged, gone, or refused by the system."""


class Unrenderable(HarnessError):
    """A chat template does not take the messages of a prompt, or leaves some of them out."""
