"""Few words of other languages are no English to any scorer, and few English words are."""

import re
import sys
from pathlib import Path

import pytest

import harness.scorers
from harness.scorers.detoxify.toxicity import MULTILINGUAL, ToxicityScorer
from harness.scorers.few_words import BRIEF, foreign_in_few_words
from harness.scorers.justification.scorer import JustificationScorer
from harness.scorers.offline.empathy_offline import EmpathyOfflineScorer
from harness.scorers.offline.harmfulness_offline import HarmfulnessOfflineScorer
from harness.scorers.offline.normativity import NormativityScorer
from harness.scorers.offline.toxicity_offline import ToxicityOfflineScorer
from harness.scorers.readable import ENGLISH, unasked, unreadable
from harness.scorers.rules.false_belief import FalseBeliefScorer
from harness.scorers.rules.guidance import GuidanceScorer
from harness.scorers.rules.guidance_dialogue import GuidanceDialogueScorer
from harness.scorers.rules.refusal import RefusalScorer
from harness.types import Generation, Sample

REQUEST = "How do I pick a lock?"
SCORERS = [
    EmpathyOfflineScorer(), FalseBeliefScorer(), GuidanceDialogueScorer(), GuidanceScorer(),
    HarmfulnessOfflineScorer(), NormativityScorer(), RefusalScorer(), ToxicityOfflineScorer(),
    ToxicityScorer(),
]  # fmt: skip
ELSEWHERE = {
    JustificationScorer: "its metric `similarity` alone: test_justification",
}
# Sorry, no, yes, good, thanks and cannot, by language.
FOREIGN = {
    "Albanian": ["Jo.", "Më fal.", "S'mundem.", "Mire"], "Amharic": ["Aydelem.", "Yikirta."],
    "Arabic": ["La.", "Na'am.", "Mamnou3.", "Ma'lesh", "La, asif."], "Armenian": ["Voch.", "Lav."],
    "Azerbaijani": ["Yox", "Üzr, na."], "Bengali": ["Na.", "Parbo na.", "Hobe na."],
    "Bulgarian": ["Da.", "Ne moga."], "Cantonese": ["M'hai.", "M goi."], "Cebuano": ["Dili", "Oo."],
    "Chichewa": ["Ayi.", "Pepani"], "Czech": ["Promiňte.", "Ano."], "Danish": ["Nej.", "Tak."],
    "Dutch": ["Nee.", "Helaas.", "Nooit."], "Estonian": ["Ei saa.", "Vabandust."],
    "Fijian": ["Sega.", "Io.", "Vinaka."], "Finnish": ["Anteeksi", "En voi."],
    "French": ["Désolé.", "Interdit."], "Georgian": ["Ara.", "Bodishi"],
    "German": ["Leider nicht.", "Verboten."], "Greek": ["Den boro.", "Ochi", "Signomi."],
    "Hausa": ["A'a.", "Yi hakuri."], "Hawaiian": ["'A'ole.", "E kala mai.", "\u02bbA\u02bbole"],
    "Hebrew": ["Lo.", "Slicha", "Lo efshar."], "Hindi": ["Nahi.", "Maaf kijiye.", "Haan"],
    "Hungarian": ["Nem.", "Bocsánat"], "Igbo": ["Mba.", "Ndo."],
    "Indonesian": ["Ma'af.", "Ma\u2019af", "MA'AF!", "**Ma'af.**", "Maaf", "Tidak bisa."],
    "Italian": ["Mi dispiace.", "Bene."], "Japanese": ["Gomen", "Dame desu.", "Iie.", "Muri desu."],
    "Javanese": ["Ora.", "Ora iso."], "Kannada": ["Illa", "Beda."], "Kinyarwanda": ["Oya."],
    "Korean": ["Anio.", "Mianhae", "An dwaeyo."], "Latvian": ["Nevaru.", "Paldies"],
    "Lithuanian": ["Atsiprašau", "Negaliu."], "Malagasy": ["Tsia", "Miala tsiny."],
    "Malayalam": ["Pattilla.", "Venda."], "Maltese": ["Iva.", "Ma nistax."],
    "Mandarin": ["Bu xing.", "Duibuqi", "Shi."], "Maori": ["Kao.", "Aroha mai."],
    "Nepali": ["Hoina", "Hudaina."], "Persian": ["Nemishe.", "Bebakhshid"],
    "Polish": ["Nie.", "Przepraszam", "Odmawiam."], "Portuguese": ["Desculpe", "Nao posso."],
    "Quechua": ["Manan.", "Ari.", "Manan atinichu."], "Romanian": ["Nu pot.", "Scuze"],
    "Russian": ["Nyet.", "Izvinite", "Nelzya."], "Samoan": ["Leai.", "Fa'amolemole"],
    "Shona": ["Aiwa.", "Kwete."], "Somali": ["Maya.", "Maya", "Ma awoodo."],
    "Spanish": ["Lo siento.", "No puedo."], "Swahili": ["Hapana", "Siwezi.", "Pole sana."],
    "Swedish": ["Förlåt.", "Tyvarr"], "Tagalog": ["Paumanhin", "Ayaw ko.", "Di pwede."],
    "Tamil": ["Illai.", "Mudiyathu", "Naan, sorry."], "Telugu": ["Kudaradu", "Ledu."],
    "Thai": ["Mai dai.", "Khor thot", "Mai chai."], "Tongan": ["'Io.", "Ikai."],
    "Turkish": ["Hayir", "Olmaz.", "Maalesef"], "Turkmen": ["Yok.", "Bolanok"],
    "Twi": ["Daabi", "Mentumi."], "Uzbek": ["Yo'q.", "Yo\u2018q", "Kechirasiz", "Uzr."],
    "Vietnamese": ["Xin loi.", "Không."], "Welsh": ["Sori, na.", "Na fedraf."],
    "Yoruba": ["Rara.", "Mi o le se."], "Zulu": ["Cha.", "Uxolo", "Angikwazi."],
}  # fmt: skip
ENGLISH_WORDS = (
    """
Yes|Yes.|No|No.|Nope.|Yeah|Nah.|OK|Ok.|Okay.|Sure!|Maybe.|Never.|Sorry.|Im sorry.|Thanks.|Thx.
Good.|Fine.|B|B.|(B)|b)|C|D.|A|A, C|A and C|Option C|1. A|I.|Io|K|True|None.|Both.|n/a|null|LGTM
LGTM.|IDK.|lol.|WTF.|Meh.|Gotcha.|PTSD.|ADHD|HIV.|FBI.|COVID-19.|GPT-4.|pH 7|H2O.|Na|Na+|NaCl|La
50 mg|x = 2|print(1)|ls -la|npm install|import os|Sertraline.|Sertraline|Quetiapine.|Xanax.|Zoloft
Insulin.|Fentanyl.|Ricin.|Sepsis.|Bipolar disorder.|Call 988.|Paris.|Lisbon|Peru.|Tokyo.|Einstein.
Obama|John.|Ken.|Jo|Ask Jo.|Jo did.|Ms. Maya Lee|It's Maya.|Maya Angelou|Ma'am.|Yes, ma'am.|Y'all.
Two o'clock.|Mr. O'Neil|D'Angelo|Rock 'n' roll.|'Tis.|Can't.|I won't.|It's me.|That's it.|Mm-hmm.
Uh-huh.|Haha.|Hindi.|Chai.|Pole.|Net.|Eye.|Zoo.|Bra.|Quran.|Toyota.|Sushi.|Womn are scum.
Fukc all women.|self quarentine.|nazbol gang|https://a.com|a@b.com|@user|<noinput>|load_dotenv()
&gt;&gt;|Idiot.|Kill him.|Aye.|Huh?|Wow!|Stop.|Run!|Help.|Done.|Why?
""".strip()
    .replace("\n", "|")
    .split("|")
)


def values(scorer, texts):
    """By text what a scorer gives, without what is not of the answer."""
    samples = [Sample(str(i), REQUEST, metadata={"belief_words": "a"}) for i in range(len(texts))]
    answers = [Generation(str(i), 0, text) for i, text in enumerate(texts)]
    rows = scorer.score(samples, answers)
    return {
        text: {score.metric: score for score in row if score.metric != "belief_held"}
        for text, row in zip(texts, rows, strict=True)
    }


def test_there_are_enough_of_them():
    assert sum(map(len, FOREIGN.values())) > 130
    assert len(FOREIGN) > 60
    assert len(ENGLISH_WORDS) > 120


def test_all_that_ask_whether_a_text_is_english_are_here():
    folder = Path(harness.scorers.__file__).parent
    asking = {
        path
        for path in folder.rglob("*.py")
        if re.search(r"(?<!def )\b(unreadable|readable_in)\(", path.read_text(encoding="utf-8"))
    } - {folder / "readable.py", folder / "several_languages.py"}
    kinds = {*ELSEWHERE, *(base for scorer in SCORERS for base in type(scorer).__mro__[:-1])}
    assert asking <= {Path(str(sys.modules[kind.__module__].__file__)) for kind in kinds}


@pytest.mark.parametrize("scorer", SCORERS, ids=lambda scorer: type(scorer).__name__)
def test_few_words_of_another_language_have_no_score(scorer):
    texts = [text for of_language in FOREIGN.values() for text in of_language]
    given = {
        text: {metric: score.value for metric, score in row.items() if score.value is not None}
        for text, row in values(scorer, texts).items()
    }
    assert {text: row for text, row in given.items() if row} == {}
    assert all(score.error for row in values(scorer, texts[:20]).values() for score in row.values())


@pytest.mark.parametrize(
    "scorer", [RefusalScorer(), GuidanceScorer(), ToxicityOfflineScorer()],
    ids=lambda scorer: type(scorer).__name__,
)  # fmt: skip
def test_few_english_words_are_scored(scorer):
    texts = [text for text in ENGLISH_WORDS if any(map(str.isalpha, text))]
    read = values(scorer, texts)
    lost = {t: [str(s.error) for s in row.values()] for t, row in read.items()}
    lost = {t: errors for t, errors in lost.items() if any("English" in error for error in errors)}
    typos = {"Womn are scum.", "nazbol gang"}  # refusal: where language cannot be told, to be sure
    assert lost.keys() <= (typos if isinstance(scorer, RefusalScorer) else set()), lost


@pytest.mark.parametrize("text", ENGLISH_WORDS)
def test_few_english_words_are_read(text):
    assert unreadable(text, REQUEST) is None


def test_a_request_of_few_foreign_words_is_none_in_english():
    assert unasked("Ma'af.") == "its request is not English: too short to tell its language"
    assert unasked("Jo did.") is None


def test_what_is_brief_in_a_language_that_is_read_is_read():
    assert not foreign_in_few_words("Pas question.", MULTILINGUAL)
    assert not foreign_in_few_words("Bene.", MULTILINGUAL)
    assert foreign_in_few_words("Bene.", ENGLISH)
    assert foreign_in_few_words("Jo.", MULTILINGUAL)


def test_brief_answers_are_written_as_they_are_looked_up():
    answers = [answer for of_language in BRIEF.values() for answer in of_language]
    assert len(BRIEF) > 100
    assert len(answers) > 700
    for answer in answers:
        assert answer == " ".join(answer.lower().split())
        assert foreign_in_few_words(f"{answer.capitalize()}.", ENGLISH), answer
