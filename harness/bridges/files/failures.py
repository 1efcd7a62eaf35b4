"""Texts that stand in a file where a program had no answer: what they are, by exact patterns."""

from __future__ import annotations

import re
from http import HTTPStatus

MISSING = ("None", "nan", "NaN", "null", "NULL", "N/A", "n/a", "N.A.", "nil", "<NA>", "NaT",
           "undefined")  # fmt: skip
"""What programs write for nothing. Whole texts in this very case, so that "none" is an answer. "NA"
is not among them: it is Namibia's code.

pandas 3.1.1 (its `STR_NA_VALUES`), JSON, SQL and JavaScript.
"""
SPREADSHEET = r"#(?:N/A|NA|NAME\?|NULL!|NUM!|REF!|VALUE!|DIV/0!|ERROR!)"
BRACKETED = (
    r"[<\[({](?:no[ _-]?(?:answer|response|output|text|content)|empty(?:[ _-](?:answer|response|"
    r"output))?|none|null|nan|missing|blank|(?:api |server )?error|failed|failure|timeout|timed out"
    r"|filtered|blocked|skipped|removed|deleted)[>\])}]"
)
CAPITALS = (
    r"(?:API[ _]|SERVER[ _])?ERROR|FAILED|FAILURE|TIMEOUT|TIMED[ _]OUT|BLOCKED|SKIPPED|FILTERED"
    r"|SAFETY|RECITATION|CONTENT[ _]FILTER(?:ED)?|NO[ _](?:ANSWER|RESPONSE|OUTPUT|CONTENT)"
)
SNAKES = (
    r"no_(?:answer|response|output|content)|content_filter(?:ed)?|(?:response|prompt)_blocked"
    r"|(?:api|server|internal|overloaded|rate_limit|timeout|generation|request)_(?:error|failed)"
    r"|rate_limit(?:ed|_exceeded)?|finish_reason: ?\w+"
)
"""What scripts write in the place of an answer: words that no model answers in this form."""
SPECIAL_TOKENS = (
    r"(?:(?:</?s>|<\|[\w/-]{1,30}\|>|<(?:eos|pad|unk|bos|end_of_turn)>|\[(?:PAD|UNK|EOS|SEP|CLS)\])"
    r"\s*)+"
)
SAYINGS = (
    r"(?:an? )?(?:(?:unknown |unexpected |network |server |api |generation |stream )error"
    r"|error (?:has )?occurred)(?: (?:has )?occurred)?|timed out"
    r"|(?:request|generation|fetch|network request) failed"
    r"|model not found|model (?:is )?(?:currently )?overloaded|(?:invalid|missing) api key"
    r"|bad request|segmentation fault|socket hang up|core dumped"
    r"|no (?:response|output|answer|content|text)(?: (?:was )?(?:generated|received|returned"
    r"|available|given|found|provided)| from (?:the )?(?:model|server|api))?"
    r"|(?:failed|unable|could not) (?:to )?(?:generate|get|fetch|obtain|parse|retrieve) "
    r"(?:an? |the |any )?(?:response|answer|completion|output|text)(?: from (?:the )?\w+)?"
    r"|(?:the )?(?:response|answer|content|output|prompt) (?:was |has been )?"
    r"(?:blocked|filtered|withheld|empty|not available)(?: by .{1,60})?"
    r"|(?:(?:oops|sorry|uh oh)[,!.]* )?something went wrong"
    r"(?: (?:while|when) (?:processing|generating) .{1,40})?[.!]*"
    r"(?: please (?:try|retry) .{1,40})?"
)
"""What programs say of a request that brought nothing, as whole texts."""
SINGLE = r"error|timeout|overloaded|unauthorized|forbidden|failed"
"""Words that stand for a failure where no full stop makes a sentence of them."""
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
    ("a mark for an error", rf"\$ERROR\$|GENERATION[ _]FAILED|{CAPITALS}|{SNAKES}"),
    ("nothing but special tokens", SPECIAL_TOKENS),
    ("the word of a failed request", rf"(?i:(?:{SAYINGS})[.!]*|{SINGLE})"),
    ("the word of a failed request", rf"(?i:{PHRASES}|connection error|connection refused)[.!]?"),
)
"""Patterns of whole texts. `$ERROR$` is what FastChat 0.2 stores for a call that failed."""
STARTING = (
    ("an error that a program wrote", r"\[(?i:(?:api |server )?error)[\]:]|<(?i:error)\b"),
    ("an error that a program wrote", r"\*{0,2}(?:API|NETWORK) ERROR\b|ERROR: (?!(?:I|We|As)\b)"),
    (
        "an error that a program wrote",
        rf"{ERROR}: (?i:(?:generation|request|connection|api|server|model|rate|quota|no response|"
        r"empty response|invalid (?:api|request|response)|unknown error|max(?:imum)? (?:retries|"
        r"context|tokens)|context length|could not connect|unable to (?:connect|reach|parse))\b)",
    ),
    (
        "an error that a program wrote",
        r"(?i:an error occurred(?::| (?:while|during|when) (?:processing|generating|calling|making"
        r"|the (?:request|api|generation|call))\b)|error communicating with |request failed with "
        r"status|(?:open ?ai|anthropic|azure|gemini|google|cohere|mistral|bedrock) api error\b)",
    ),
    ("the word of a failed request", rf"(?i:{PHRASES})(?::| - | \()"),
    ("the word of a failed request", rf"{ERROR}: (?i:{PHRASES}|connection|timed? ?out)\b"),
    ("a status of HTTP", r"HTTP(?:/[\d.]+)?[ :] ?[45]\d\d\b"),
    ("a status of HTTP", r"[45]\d\d Gateway Time-out"),
    ("a status of HTTP", rf"(?i:(?:HTTP(?:/[\d.]+)? )?(?:{STATUS}))(?:$|[.:,;!]| [-({{])"),
    ("a status of HTTP", rf"(?:HTTP )?{ERROR}(?:: (?:HTTP )?[45]\d\d\b| [45]\d\d(?:$|:| -))"),
    ("a status of HTTP", r"[45]\d\d (?:Client|Server) Error: |(?:Client|Server) error '[45]\d\d "),
    ("a client's error", rf"(?:\w+\.)*(?:{CLIENT_ERRORS})(?:$|: |\()"),
    ("a program's error", r"(?:\w+\.)+[A-Z]\w+(?:Error|Exception)(?:$|: |\()"),
    (
        "a program's error",
        r"(?:Runtime|OS|IO|Memory|SSL|Proxy|ChunkedEncoding|Client|Server|Validation|Axios|Fetch|"
        r"BrokenPipe|ConnectionReset|UnicodeDecode|Assertion)(?:Error|Exception)(?:$|: |\()",
    ),
    ("a program's error", r"(?:\w+\.)+(?:Timeout|RateLimit|Overloaded)\w*(?:$|: |\()"),
    ("a program's error", r"\[Errno \d+\]|E(?:CONNRESET|CONNREFUSED|TIMEDOUT|NOTFOUND|PIPE)\b"),
    ("a client's error", r"HTTPS?ConnectionPool\(|(?i:max retries exceeded)"),
    ("a traceback", r"Traceback \(most recent call last\):"),
    ("a device without memory", r"CUDA (?:error: )?out of memory"),
    ("a device's error", r"CUDA error: "),
    ("a server's word", r"This model's maximum context length is "),
    ("a server's word", r"The model .{1,80} does not exist"),
    ("a server's word", r"That model is currently overloaded|Incorrect API key provided"),
    ("a server's word", r"Rate limit reached for |You exceeded your current quota"),
    ("a server's word", r"The server had an error (?:while )?processing your request"),
    ("a server's word", r"upstream (?:connect error|request timeout)"),
    ("a filter's word", r"The response was filtered due to the prompt triggering Azure OpenAI"),
    ("an error object", r"\{\s*[\"']errors?[\"']\s*:"),
    ("an error object", r"\{\s*\"detail\"\s*:"),
    ("an error object", r"\{\s*[\"'](?:type|object)[\"']\s*:\s*[\"']error[\"']"),
    ("a server's whole response", r"(?:ChatCompletion|Completion)\(id="),
    ("a server's whole response", r"\{\s*[\"']id[\"']\s*:\s*[\"'](?:chatcmpl|cmpl|msg)[-_]"),
    ("a page of HTML", r"(?is:<html\b.{0,200}?<body[^>]*>\s*(?:<h1>)?\s*[45]\d\d\b)"),
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
