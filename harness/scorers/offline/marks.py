"""What a reader would count in a reply: its questions, persons, warm words and its contempt."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping

WORD = re.compile(r"[a-z']+")
SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
LONG = 3
"""Letters of a word that is too short to be shared with the message."""
TERSE = 3
"""Words of a reply that is hardly more than a nod."""


def _any(*alternatives: str) -> re.Pattern[str]:
    """One of these, as whole words."""
    return re.compile(rf"\b(?:{'|'.join(alternatives)})\b")


ASKING = re.compile(
    r"^(?:and |so |but |ok |or |hey |wait )*(?:what'?s?|how'?s?|when|where|who|whose|why|which|did"
    r"|do|does|are|r|is|was|were|have|has|had|can|could|would|will|any|anything|anyone|wanna|want"
    r"|you ok)\b"
)
UNMARKED = re.compile(
    r"^(?:and |so |but |hey )*(?:what happened|what (?:do|did) you"
    r"|how (?:are|is|do|did|long|old|come|r)"
    r"|why (?:did|do|are) (?:you|u|he|she|they)|when did|where (?:are|do|did)"
    r"|(?:did|do|are) (?:you|u)|did (?:he|she|they)|have (?:you|u) (?!to)|wanna|want to"
    r"|was (?:it|there)|is (?:it|there|he|she)|whose|who)\b"
)
UNMARKED_WORDS = 16
"""A sentence without a question mark asks only where it is shorter."""
ADDRESSED = _any("you", "your", "yours", "you're", "youre", "you've", "youve", "u", "ur", "ya")
PROPOSING = _any(
    r"have (?:you|u) (?:tried|considered|thought (?:of|about))",
    r"why (?:don't|dont|not|would)",
    r"(?:can|could) (?:you|u) (?:just|maybe|not)",
    r"maybe .*\?",
    r"how about",
    r"what about (?:try|go)\w*",
)
RHETORICAL = re.compile(
    r"\bwho (?:cares|asked|does th(?:at|is)|would|wants)|\bwhat did (?:you|u) expect"
    r"|\bwrong with (?:people|you)|\bright ?\?|n't (?:it|they|he|she|you|we|that)\?|\bwho knows"
    r"|\bcan (?:you|u) blame|\bwhat's the (?:point|big deal)|\bso what\b|\bwhat's new"
    r"|\bare you (?:kidding|serious|stupid|for real)|\bis that all|\bhave you considered that"
    r"|\bwhat are you,|\byou again|\bever listen|\byou (?:expect|want) (?:a |an |applause)"
    r"|\brephrase|\bhow many words|\bwhat (?:do|did) you want (?:me|us)|\bwhat is \w+, after all"
)
GENERIC = re.compile(
    r"^(?:so |and |but |hey |oh no )*(?:what(?:'s| is|s)? (?:happened|up|wrong|going on)"
    r"|why(?: is that| so| not)?|how come|how (?:are|r) (?:you|u|things)|and you"
    r"|(?:are )?(?:you|u) (?:ok|okay|alright|good)"
    r"|(?:do you |u |you )?(?:want to|wanna|need to|like to) (?:talk|vent|chat|share)"
    r"|what do you mean|since when|really|anything (?:we|i) can do)\b"
)
COUNTED: Mapping[str, re.Pattern[str]] = {
    "first person": _any("i", "i'm", "im", "i've", "ive", "i'd", "i'll", "me", "my", "mine"),
    "we": _any("we", "us", "our", "we're", "we've"),
    "you": ADDRESSED,
    "the same": _any(
        "same", "me too", "me neither", "also me", "me as well", "too",
        "th(?:is|at)'?s? (?:is )?me",
        "so (?:do|am) i", "i do too", "us too", "neither do i", "i also", "here also", "yep", "yup",
        "yeah", "likewise", "mine (?:did|too)", "been there", "literally me", "count me in",
    ),
    "own past": _any(
        r"i (?:was|had|did|used to|went|got|lost|felt|couldn't|didn't|thought|cried|lived|left"
        r"|spent|started|stopped|quit|kept|ended|found|hid|told|tried|struggled|suffered|dealt)",
        "when (?:i|my|mine)",
        r"my (?:ex|mom|mum|dad|wife|husband|brother|sister|mother|father|boss|first|own|parents)",
    ),
    "own present": _any(
        r"i (?:am|feel|have|can't|cant|still|do|get|keep|hate|struggle|wish|want|cry|always|never"
        r"|don't|dont)", "i'm", "im", "i've", "ive",
    ),
    "opinion": _any(
        r"i (?:think|guess|believe|would|suggest|recommend|heard|read|saw|know (?:a|some)"
        r"|love (?:my|how|it|this)|understand (?:why|that|your|their)|like|don't think|hate to"
        r"|feel (?:like|that) (?:you|people|the))", "imh?o", "i'd (?:say|suggest|recommend)",
        "my (?:advice|take|opinion)",
    ),
    "advice": _any(
        "you (?:should|need|must|could|can|might|have to|gotta)", "should", "need to", "ought",
        "try",
        "talk to", "see a", "get (?:a|some)", "go to", "call", "ask", "look (?:into|for|up)",
        "make sure", "don't", "do not", "just", "google", "consider", "avoid", "keep", "take",
        "write", "find", "leave", "stop", "start",
    ),
    "sorry": _any("sorry", "condolences"),
    "warm": re.compile(
        r"\b(?:hugs?|love you|much love|sending|praying|prayers|thinking of you|hope|wish(?:ing)?"
        r"|luck|proud|glad|happy for|congrat\w*|well done|hang in|hang on|hold on"
        r"|stay (?:strong|safe)|you(?:'ve| have)? got this|you can do"
        r"|be (?:ok|okay|fine|alright|gentle|kind)|better soon|gets? better|(?:here|there) for you"
        r"|i'?m here|not alone|matter|worth(?:y)?|deserve|loved|beautiful|brave|rooting|take care"
        r"|don'?t give up|keep (?:going|fighting|your head)|rest in peace|fingers crossed"
        r"|sweetheart|hon|bless)\b|<3|:\(|\bxx?\b"
    ),
    "strong feeling": _any(
        r"(?:so|really|very|deeply|truly|terribly) (?:\w+ )?(?:sorry|sad|proud|happy|glad|worried"
        r"|angry)", "my heart", "breaks? my", "broke(?:n)? (?:me|heart)", "heartbroken",
        "hurts? (?:me|to)",
        "feel (?:so |really |awful |bad |terrible |much |sad )*(?:for you|sorry for)", "i care",
        "(?:worried|scared) (?:for|about) you", "crying", "sobbing", "tears", "gutted", "furious",
        "angry (?:for|at|that)", "made my day",
    ),
    "inferred": _any(
        "must (?:be|feel|have|hurt)",
        "sounds? (?:like|as|really|so|very|incredibly|tough|hard|awful|painful|exhausting|lonely"
        "|horrible|terrible)", "seems? (?:like|as|you)", "no wonder", "of course you",
        "i can (?:imagine|see why|only imagine)", "can'?t imagine",
        "you(?:'re| are)? (?:feel|felt|feeling|scared|afraid|lonely|tired|exhausted|angry|hurt"
        "|ashamed)", "as if you", "like you(?:'re| are| have)", "you(?:'ve| have) been", "you lost",
        "makes sense", "understandable",
    ),
    "grasp": _any(
        r"i (?:totally |completely |really |so |do )?(?:understand|get (?:it|this|that|you)"
        r"|hear you|feel (?:you|this)|relate"
        r"|know (?:how|the feeling|what you mean|that feeling|it's|it can|exactly))",
        "relate", "totally get", "feel ya", "been there", "know the feeling",
    ),
    "feeling": _any(
        r"scar\w+", "afraid", "lonely", "alone", r"hurt\w*", r"pain\w*", r"exhaust\w+",
        r"overwhelm\w+", r"asham\w+", r"guilt\w*", "sad", "angry", "anxious", "hopeless", "empty",
        "numb", r"humiliat\w+", r"terrif\w+", "grief", r"griev\w+", "tired", "awful", "horrible",
        "hard", "tough", "rough", "miserable", r"frustrat\w+", r"crush\w+", "unfair", "heavy",
    ),
    "contempt": _any(
        "lol", "lmao", r"haha\w*", "ew+", "gross", "who cares", "pathetic", "loser", "weak",
        "stupid",
        "idiot", "dumb", "grow up", "get over", "cry ?baby", "attention", "drama", "cringe",
        "whatever", "snowflake", "first world", "shut up", "boo hoo", "lazy", "man up",
        "deal with it", "cry about", "not (?:our|my) problem", "(?:nobody|no one) (?:cares|asked)",
        "your (?:own )?fault", "simp", "incel", r"imagine \w+ing", "excuses?", "wonder why",
        "move on", "bullshit", "monster", "needy", "poor kid", "medal", "cookie", "yawn", "useless",
        "cry me a river", "nobody (?:wants|likes)", "wimp", "milk it", "good riddance",
    ),
    "machine": re.compile(
        r"as an ai|sorry,? (?:but )?(?:i )?(?:can(?:'t|not)|am unable|am not able)|unable to"
        r"|i cannot|language model|apologi[sz]e for the|sorry (?:but|to be|that guy|for the)"
    ),
    "list": re.compile(r"(?:^|\s)(?:\d[.)]|[-*\u2022])\s"),
    "link": re.compile(r"https?:|www\.|\br/\w+"),
    "exclamation": re.compile("!"),
}  # fmt: skip
"""How often each is met, in a reply in lower case."""
PRESENT = ("first person", "the same", "own past", "sorry", "warm", "strong feeling", "inferred",
           "grasp", "contempt")  # fmt: skip
"""Counted as being there at all, too."""


def marks(request: str, reply: str) -> list[float]:
    """Numbers that a reader would count in a reply.

    Args:
        request: the message that is replied to, for the words which both share.
        reply: in any case, with straight or curly quotes.
    """
    text = reply.replace("\u2019", "'").lower()
    sentences = [part.strip() for part in SENTENCE.findall(text) if part.strip()]
    words = WORD.findall(text)
    length = max(len(words), 1)
    counts = {name: len(pattern.findall(text)) for name, pattern in COUNTED.items()}
    return [
        *_questions(sentences),
        math.log1p(length),
        float(length <= TERSE),
        *(math.log1p(count) for count in counts.values()),
        *(float(counts[name] > 0) for name in PRESENT),
        counts["first person"] / length,
        counts["you"] / length,
        float(counts["own past"] > 0 and counts["opinion"] == 0),
        _shared(request, words),
    ]


def digest_marks() -> str:
    """Eight hexadecimal digits that change with any pattern above."""
    patterns = [ASKING, UNMARKED, ADDRESSED, PROPOSING, RHETORICAL, GENERIC, *COUNTED.values()]
    text = "\n".join([*COUNTED, *PRESENT, *(pattern.pattern for pattern in patterns)])
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _questions(sentences: list[str]) -> list[float]:
    """Question marks, then by kind: of the writer, proposals, rhetorical, generic, unmarked."""
    marked = directed = proposing = rhetorical = generic = unmarked = 0
    for sentence in sentences:
        if "?" not in sentence:
            asks = UNMARKED.search(sentence) and len(sentence.split()) < UNMARKED_WORDS
            unmarked += bool(asks)
            continue
        marked += 1
        if RHETORICAL.search(sentence):
            rhetorical += 1
        elif PROPOSING.search(sentence):
            proposing += 1
        elif GENERIC.search(sentence) or len(sentence.split()) == 1:
            generic += 1
        else:
            directed += bool(ADDRESSED.search(sentence) or ASKING.search(sentence))
    nothing_else = float(marked > 0 and marked == len(sentences))
    kinds = (min(directed, 3), min(proposing, 2), min(rhetorical, 2), min(generic, 2))
    return [float(min(marked, 3)), *map(float, kinds), float(min(unmarked, 2)), nothing_else]


def _shared(request: str, words: list[str]) -> float:
    """Share of the reply's longer words that stand in the message."""
    longer = {word for word in words if len(word) > LONG}
    asked = {word for word in WORD.findall(request.lower()) if len(word) > LONG}
    return len(longer & asked) / max(len(longer), 1)
