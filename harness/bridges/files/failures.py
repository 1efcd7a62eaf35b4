"""Texts that stand in a file where a program had no answer: what they are, by exact patterns."""

from __future__ import annotations

import re
from http import HTTPStatus

MISSING = ("None", "nan", "NaN", "null", "NULL", "N/A", "n/a", "<NA>", "NaT", "undefined")
"""What programs write for nothing. Whole texts in this very case, so that "none" is an answer. "NA"
is not among them: it is Namibia's code.

pandas 3.1.1 (its `STR_NA_VALUES`), JSON, SQL and JavaScript.
"""
SPREADSHEET = r"#(?:N/A|NA|NAME\?|NULL!|NUM!|REF!|VALUE!|DIV/0!|ERROR!)"
BRACKETED = (
    r"[<\[({](?:no[ _-]?(?:answer|response|output|text|content)|empty(?:[ _-](?:answer|response|"
    r"output))?|none|null|nan|missing|blank|error|failed|failure|timeout|timed out|filtered)[>\])}]"
)
STATUS = "|".join(
    rf"{status.value}(?::| -)? {re.escape(status.phrase)}"
    for status in HTTPStatus
    if status.value >= HTTPStatus.BAD_REQUEST
)
"""Numbers with their phrases only: "500 mg twice daily" is an answer."""
PHRASES = (
    r"internal server error|bad gateway|service (?:temporarily )?unavailable|gateway time-?out|"
    r"too many requests|request time-?out|request timed out|rate limit exceeded|read timed out|"
    r"insufficient[_ ]quota|server overloaded|connection reset by peer"
)
"""What servers and clients say of a request that failed (RFC 9110; openai 2.x; requests 2.x)."""
CLIENT_ERRORS = (
    r"(?:API(?:Connection|Timeout|Status)?|RateLimit|InternalServer|BadRequest|Authentication|"
    r"PermissionDenied|UnprocessableEntity|ServiceUnavailable|Overloaded|HTTP(?:Status)?|"
    r"Connection|Connect|Timeout|ContentPolicyViolation|ContextWindowExceeded|JSONDecode|"
    r"OutOfMemory)Error|ReadTimeout|ConnectTimeout|ThrottlingException|ResourceExhausted"
)
"""Exceptions of clients that ask servers (openai, anthropic, litellm, httpx, requests, boto3)."""
ERROR = r"(?i:error(?: code| status)?)"

WHOLE = (
    ("a mark for nothing", rf"{SPREADSHEET}|(?i:{BRACKETED})"),
    ("a mark for an error", r"\$ERROR\$|ERROR|GENERATION[ _]FAILED"),
    ("the word of a failed request", rf"(?i:{PHRASES}|connection error|connection refused)[.!]?"),
)
"""Patterns of whole texts. `$ERROR$` is what FastChat 0.2 stores for a call that failed."""
STARTING = (
    ("an error that a program wrote", r"\[(?i:error)\]|\*{0,2}(?:API|NETWORK) ERROR\b"),
    ("the word of a failed request", rf"(?i:{PHRASES})(?::| - | \()"),
    ("the word of a failed request", rf"{ERROR}: (?i:{PHRASES}|connection|timed? ?out)\b"),
    ("a status of HTTP", rf"(?i:(?:HTTP(?:/[\d.]+)? )?(?:{STATUS}))(?:$|[.:,;!]| [-({{])"),
    ("a status of HTTP", rf"(?:HTTP )?{ERROR}(?:: (?:HTTP )?[45]\d\d\b| [45]\d\d(?:$|:| -))"),
    ("a status of HTTP", r"[45]\d\d (?:Client|Server) Error: |(?:Client|Server) error '[45]\d\d "),
    ("a client's error", rf"(?:\w+\.)*(?:{CLIENT_ERRORS})(?:$|: |\()"),
    ("a client's error", r"HTTPS?ConnectionPool\(|Max retries exceeded"),
    ("a traceback", r"Traceback \(most recent call last\):"),
    ("a device without memory", r"CUDA (?:error: )?out of memory"),
    ("a server's word", r"Rate limit reached for |You exceeded your current quota"),
    ("a server's word", r"The server had an error (?:while )?processing your request"),
    ("a server's word", r"upstream (?:connect error|request timeout)"),
    ("a filter's word", r"The response was filtered due to the prompt triggering Azure OpenAI"),
    ("an error object", r"\{\s*[\"']errors?[\"']\s*:"),
    ("an error object", r"\{\s*[\"'](?:type|object)[\"']\s*:\s*[\"']error[\"']"),
    ("a server's whole response", r"(?:ChatCompletion|Completion)\(id="),
    ("a server's whole response", r"\{\s*[\"']id[\"']\s*:\s*[\"'](?:chatcmpl|cmpl|msg)[-_]"),
    ("a page of HTML", r"(?is:<(?:!doctype )?html\b.{0,400}?<title>[^<]*\b(?:[45]\d\d|error)\b)"),
)
"""Patterns of how a text starts that is no answer."""
_WHOLE = [(kind, re.compile(pattern)) for kind, pattern in WHOLE]
_STARTING = [(kind, re.compile(pattern)) for kind, pattern in STARTING]


def failure(text: str) -> str | None:
    """What a text is that stands for a failure; None: it may be an answer."""
    stripped = text.strip()
    if stripped in MISSING:
        return "a mark for nothing"
    for kind, pattern in _WHOLE:
        if pattern.fullmatch(stripped):
            return kind
    return next((kind for kind, pattern in _STARTING if pattern.match(stripped)), None)
