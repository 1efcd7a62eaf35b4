"""Mitigations of the next token: their formulas, their equalities, and auxiliary models."""

import json
import math
import shutil
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from harness.mitigations.decoding.contrastive import Contrastive
from harness.mitigations.decoding.describing import DESCRIPTION, described
from harness.mitigations.decoding.distributions import capped, likely
from harness.mitigations.decoding.experts import Experts
from harness.mitigations.decoding.gedi import GeDi
from harness.mitigations.decoding.log_odds import log_odds
from harness.mitigations.decoding.moral_direction import MoralDirection
from harness.mitigations.decoding.rectification import Rectification
from harness.mitigations.decoding.self_debias import SelfDebias
from harness.mitigations.decoding.uddia import Uddia
from harness.mitigations.decoding.value_model import ValueModel
from harness.mitigations.decoding.values import ValueHead, read_head, save_head
from harness.mitigations.decoding.vocabulary_shift import VocabularyShift
from harness.mitigations.decoding.word_filter import WordFilter
from harness.mitigations.fitting.method import Fit
from harness.mitigations.fitting.texts import Text
from harness.models.hf.hooks import Context
from harness.models.hf.model import HuggingFaceModel
from harness.runs.flow import run
from harness.runs.plan import Plan
from harness.statistics.means import Mean
from harness.testing import check_mitigation
from harness.types.errors import HarnessError
from harness.types.measures import Direction, Estimand, Metric
from harness.types.records import Message, Records, Request, Sample, Score
from harness.types.registry import ScorerRegistry
from harness.types.settings import GenerationConfig
from tests.models.conftest import make_model, make_tokenizer

GREEDY = GenerationConfig(max_new_tokens=6)
DRAWN = GenerationConfig(n=3, max_new_tokens=6, temperature=1.0, top_p=0.9)
SHIFTS = "o\t1.0\nx\t-0.5"


def asked(model, settings=GREEDY, requests=None):
    indices = tuple(range(settings.n))
    requests = requests or [
        *(Request(text, text, indices) for text in ("Once upon a time", "Once upon", "So")),
        Request("c", "The sky is", choices=(" blue", " bleak", " red")),
    ]
    return {
        (answer.sample_id, answer.index): answer
        for finished in model.generate(requests, settings, 3)
        for answer in finished
    }


def texts(answers):
    return {key: answer.text for key, answer in answers.items() if answer.text is not None}


def same(one, other):
    assert texts(one) == texts(other)
    for key, answer in one.items():
        if answer.choice_logprobs is not None:
            assert answer.choice_logprobs == pytest.approx(
                other[key].choice_logprobs, rel=1e-3, abs=1e-3
            )


@pytest.fixture
def three(tmp_path, tiny, rewrite):
    """A checkpoint, and two that were tuned from it: their heads are its own."""
    names = [str(tiny(name="base")), str(tmp_path / "clean"), str(tmp_path / "toxic")]
    for name in names[1:]:
        shutil.copytree(names[0], name)
    for seed, name in enumerate(names[1:]):
        noise = torch.Generator().manual_seed(seed)

        def tuned(weights, noise=noise):
            return {
                key: weight + 0.05 * torch.randn(weight.shape, generator=noise)
                if "self_attn" in key else weight
                for key, weight in weights.items()
            }  # fmt: skip

        rewrite(Path(name), tuned)
    return names


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """What the checkpoint answers without a mitigation, by the number of answers."""
    folder, tokenizer = tmp_path_factory.mktemp("bare"), make_tokenizer()
    make_model(tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return {
        settings.n: asked(HuggingFaceModel(str(folder)), settings) for settings in (GREEDY, DRAWN)
    }


def everything(three, strength=1.0):
    _, clean, toxic = three
    return {
        "experts": Experts(clean, toxic, 2.0 * strength),
        "expert": Experts(expert=clean, alpha=2.0 * strength),
        "anti_expert": Experts(anti_expert=toxic, alpha=2.0 * strength, top_p=1.0),
        "gedi": GeDi(clean, toxic, weight=30.0 * strength),
        "gedi codes": GeDi(clean, None, "good", "bad one", weight=30.0 * strength),
        "contrastive": Contrastive(alpha=1.0 * strength),
        "self_debias": SelfDebias(decay=5000.0 * strength, least=1e-9),
        "self_debias twice": SelfDebias(("Bad:", "Worse:"), 5000.0 * strength, 1e-9),
        "word_filter": WordFilter("a\nlu\n# none" if strength else ""),
        "vocabulary_shift": VocabularyShift(SHIFTS, 2.0 * strength),
        "rectification": Rectification(values(three), 0.6 if strength else -1),
        "uddia": Uddia(values(three), 0.3 * strength),
        "moral_direction": MoralDirection(Lengths(), 0.0 if strength else -1, top_k=8, least=2),
    }


class Lengths:
    """A direction on which a text with an even number of letters is good."""

    identity: ClassVar = {"scorer": "lengths"}

    def values(self, texts):
        return np.array([1.0 if len(text) % 2 == 0 else -1.0 for text in texts])


def values(three):
    """A value head of random weights on the first checkpoint's states."""
    folder = Path(three[0]).parent / "values"
    if not folder.exists():
        folder.mkdir()
        torch.manual_seed(5)
        head = ValueHead(32, len(HuggingFaceModel(three[0]).tokenizer), 4)
        for parameter in head.parameters():
            torch.nn.init.normal_(parameter)
        about = {
            "base": three[0], "base_weights": HuggingFaceModel(three[0]).identity["weights"],
            "width": 32, "vocabulary": head.shift.shape[0], "rank": 4,
        }  # fmt: skip
        save_head(head, folder, about)
    return str(folder)


NAMES = ("experts", "expert", "anti_expert", "gedi", "gedi codes", "contrastive", "self_debias",
         "self_debias twice", "word_filter", "vocabulary_shift", "rectification", "uddia",
         "moral_direction")  # fmt: skip
OTHERWISE = ("expert", "gedi codes", "self_debias twice")
"""One more of those before it with other options; how it is computed is tested of each."""


@pytest.mark.parametrize("name", NAMES)
def test_both_ways_to_compute_and_any_batch_and_order_give_the_same(three, bare, name):
    mitigation = everything(three)[name]
    model = HuggingFaceModel(three[0]).hooked([mitigation])
    answers = asked(model, DRAWN)
    assert answers != bare[DRAWN.n]
    same(answers, asked(HuggingFaceModel(three[0], token_budget=1).hooked([mitigation]), DRAWN))
    indices = tuple(range(DRAWN.n))
    alone = [Request("So", "So", indices[1:2]), Request("Once upon", "Once upon", indices[::-1])]
    part = asked(model, DRAWN, alone)
    same(part, {key: answers[key] for key in part})
    loaded = model.load("float32")
    assert loaded.misfit is None
    loaded.widest = 0  # transformers' own generation takes everything
    same(answers, asked(model, DRAWN))


@pytest.mark.parametrize("settings", [GREEDY, DRAWN], ids=["greedy", "drawn"])
@pytest.mark.parametrize("name", NAMES)
def test_no_strength_changes_nothing(three, bare, name, settings):
    hooked = HuggingFaceModel(three[0]).hooked([everything(three, 0.0)[name]])
    assert asked(hooked, settings) == bare[settings.n]
    assert not hooked.load("float32").auxiliaries


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OTHERWISE])
def test_each_keeps_the_contract(three, name):
    check_mitigation(everything(three)[name], HuggingFaceModel(three[0]))


@cache
def network_of(folder):
    return AutoModelForCausalLM.from_pretrained(folder)


def logits_of(folder, tokens):
    with torch.no_grad():
        return network_of(folder)(torch.tensor([tokens])).logits[0]


def greedy(folder, prompt, change, steps=6):
    """Greedy decoding without keys and values, one row: what the engine is held against."""
    tokenizer = HuggingFaceModel(folder).tokenizer
    tokens = tokenizer.encode(prompt)
    for step in range(steps):
        token = int(change(tokens, step).argmax())
        tokens.append(token)
        if token == tokenizer.eos_token_id:
            break
    return tokenizer.decode(tokens[-step - 1 :], skip_special_tokens=True)


def test_experts_are_the_paper_s_formula(three):
    base, clean, toxic = three

    def ensemble(tokens, step):
        z, good, bad = (logits_of(folder, tokens)[-1] for folder in three)
        ordered, order = z.softmax(-1).sort(descending=True)
        z[order[ordered.cumsum(-1) - ordered >= 0.5]] = -torch.inf
        return z + 2.0 * (good - bad)

    model = HuggingFaceModel(base).hooked([Experts(clean, toxic, 2.0, top_p=0.5)])
    requests = [Request(text, text) for text in ("Once upon", "The sky")]
    for (text, _), answer in asked(model, GREEDY, requests).items():
        assert answer.text == greedy(base, text, ensemble)
    assert model.load("float32").auxiliaries[0].head is not None


def test_gedi_is_the_paper_s_formula(three):
    base, clean, toxic = three

    def weighed(tokens, step):
        per_token = []
        for folder in (clean, toxic):
            steps = logits_of(folder, tokens).log_softmax(-1)
            total = sum(float(steps[n, token]) for n, token in enumerate(tokens[1:]))
            per_token.append((total + steps[-1]) / (len(tokens) + 1))
        posterior = torch.stack(per_token).log_softmax(0)[0]
        z = logits_of(base, tokens)[-1].log_softmax(-1) + 30 * posterior
        order = posterior.argsort()
        out = (z.softmax(-1)[order].cumsum(-1) < 0.8) & (posterior[order] < math.log(0.8))
        z[order[out]] = -torch.inf
        return z

    model = HuggingFaceModel(base).hooked([GeDi(clean, toxic)])
    requests = [Request(text, text) for text in ("Once upon", "The sky")]
    for (text, _), answer in asked(model, GREEDY, requests).items():
        assert answer.text == greedy(base, text, weighed)


def test_an_auxiliary_of_the_model_itself_is_asked_after_the_description(three):
    def contrast(tokens, step):
        tokenizer = HuggingFaceModel(three[0]).tokenizer
        before = tokenizer.encode(f"{DESCRIPTION}\n")
        z, other = logits_of(three[0], tokens)[-1], logits_of(three[0], before + tokens)[-1]
        moved = 2 * z - other
        return moved.masked_fill(z.softmax(-1) < 0.1 * z.softmax(-1).max(), -torch.inf)

    model = HuggingFaceModel(three[0]).hooked([Contrastive(alpha=1.0)])
    answers = asked(model, GREEDY, [Request("a", "Once upon"), Request("b", "Once")])
    assert answers["a", 0].text == greedy(three[0], "Once upon", contrast)
    chat = described(Request("a", (Message("system", "Be brief."), Message("user", "Hi"))), "Bad:")
    assert chat.prompt[0] == Message("system", "Be brief.\n\nBad:")


def test_what_a_description_makes_likelier_decays():
    class Given:
        def __init__(self, *probabilities):
            self.made = torch.tensor([probabilities]).log()

        def logits(self):
            return self.made

    made = SelfDebias(decay=10.0).change_logits(
        Given(0.5, 0.3, 0.2).logits(), [], [Given(0.2, 0.4, 0.4), Given(0.1, 0.1, 0.8)]
    )
    expected = [0.5, 0.3 * math.exp(-10 * 0.1), 0.2 * max(math.exp(-10 * 0.6), 0.01)]
    assert made.exp()[0].tolist() == pytest.approx(expected, rel=1e-5)


def test_rectification_and_uddia_are_their_formulas(three):
    head = read_head(Path(values(three)) / "values.safetensors", torch.device("cpu"))
    network = AutoModelForCausalLM.from_pretrained(three[0])
    weight = network.lm_head.weight.detach()

    def states(tokens):
        with torch.no_grad():
            return network.model(torch.tensor([tokens])).last_hidden_state[0, -1]

    def rectified(tokens, step):
        h = states(tokens)
        p, cap = (h @ weight.T).softmax(-1), (1 + head(h[None])[0] - 0.6).clamp(1e-7, 1)
        for _ in range(50):  # cut, give to those below, and again
            over = p > cap
            spare = (p - cap)[over].sum()
            p = torch.where(over, cap, p)
            below = p < cap
            p = torch.where(below, p + spare * p / p[below].sum(), p)
        return p

    def tuned(tokens, step):
        h, own = states(tokens), None
        b = torch.zeros_like(h, requires_grad=True)
        own = (h @ weight.T).log_softmax(-1)
        for _ in range(3):
            logs = ((h + b) @ weight.T).log_softmax(-1)
            loss = (logs.exp() * -head(h[None])[0]).sum() + 0.01 * (logs.exp() * (logs - own)).sum()
            (slope,) = torch.autograd.grad(loss, b)
            b = (b - 0.3 * h.norm() * slope / slope.norm()).detach().requires_grad_()
        return 0.9 * ((h + b) @ weight.T).log_softmax(-1) + 0.1 * own

    requests = [Request(text, text) for text in ("Once upon", "The sky")]
    for name, formula in (("rectification", rectified), ("uddia", tuned)):
        model = HuggingFaceModel(three[0]).hooked([everything(three)[name]])
        for (text, _), answer in asked(model, GREEDY, requests).items():
            assert answer.text == greedy(three[0], text, formula)


def test_tokens_below_the_threshold_are_dropped_but_for_the_highest(three):
    model = HuggingFaceModel(three[0])
    direction = MoralDirection(Lengths(), 0.5, top_k=4, least=1)
    direction.auxiliaries(model, model.load("float32"))
    ids = model.tokenizer.convert_tokens_to_ids(["a", "b", "\u0120", "."])
    logits = torch.zeros(1, model.load("float32").vocabulary)
    logits[0, ids] = torch.tensor([4.0, 3.0, 2.0, 1.0])
    context = Context(tuple(model.tokenizer.encode("Well. So")), ())
    # "Soa" and "Sob" have three letters; a space and a full stop leave "So", which has two.
    kept = direction.change_logits(logits, [context]).isfinite()[0]
    assert kept.nonzero()[:, 0].tolist() == sorted(ids[2:])
    longer = Context((*context.prompt, *model.tokenizer.encode("so")), ())
    direction.threshold = 1.0
    direction.direction = Never()
    direction._places = {}
    assert direction.change_logits(logits, [longer]).isfinite().sum() == 4  # all alike: all kept


class Never:
    def values(self, texts):
        return np.full(len(texts), -1.0)


def test_a_value_head_learns_which_token_leads_to_toxic_text(three, tmp_path):
    texts = [Text("So", letter * 6, float(letter == "x")) for letter in "xyxyxyxyxyyxyxyxyxyxxy"]
    model = HuggingFaceModel(three[0])
    fit = Fit(model, texts, 0, tmp_path, tmp_path, lambda line: None)
    facts = ValueModel(rank=4, epochs=60, rate=0.02).fit(fit)
    assert facts == {"texts_kept_back": 3, "auc": 1.0}
    head = read_head(tmp_path / "values.safetensors", torch.device("cpu"))
    x, y = model.tokenizer.convert_tokens_to_ids(["x", "y"])
    with torch.no_grad():
        network = AutoModelForCausalLM.from_pretrained(three[0])
        state = network.model(torch.tensor([model.tokenizer.encode("So")])).last_hidden_state[0]
        value = head(state[-1:])[0]
    assert value[x] < -0.8
    assert value[y] > -0.2
    before = (tmp_path / "values.safetensors").read_bytes()
    ValueModel(rank=4, epochs=60, rate=0.02).fit(fit)
    assert (tmp_path / "values.safetensors").read_bytes() == before
    model.hooked([Rectification(str(tmp_path))])


def test_words_of_toxic_text_have_log_odds_above_nothing(tmp_path):
    toxic, clean = ["you utter fool"] * 60, ["you kind friend"] * 60
    ratios = log_odds([*toxic, "women"] * 2, clean * 2)
    assert list(ratios)[:2] == ["fool", "utter"]
    assert "you" not in ratios
    assert "women" not in ratios
    a, b = 120 + 3000 * 120 / 722, 3000 * 120 / 722  # counts and the prior's share
    n, m = 362 + 3000, 360 + 3000
    expected = math.log(a / (n - a)) - math.log(b / (m - b))
    assert ratios["fool"] == pytest.approx(expected, abs=0.006)
    learned = [Text("", t, 1.0) for t in toxic * 5] + [Text("", c, 0.0) for c in clean * 5]
    fit = Fit(None, learned, 0,
              tmp_path, tmp_path, lambda line: None)  # fmt: skip
    VocabularyShift().fit(fit)
    assert VocabularyShift(f"@{tmp_path / 'shifts.tsv'}").shifts["fool"] > 0


def test_a_listed_word_is_never_written(three):
    model = HuggingFaceModel(three[0])
    written = asked(model, GREEDY, [Request("a", "Once upon a time")])["a", 0].text
    word = written[1:3]
    filtered = asked(model.hooked([WordFilter(word)]), GREEDY, [Request("a", "Once upon a time")])
    assert word in written
    assert word not in filtered["a", 0].text


def test_the_nucleus_holds_the_likeliest_tokens_up_to_its_probability():
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05], [0.05, 0.05, 0.1, 0.8]]).log()
    assert likely(logits, 0.75).tolist() == [[1, 1, 0, 0], [0, 0, 0, 1]]
    assert likely(logits, 1.0, 3).tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]  # a tie stays
    assert likely(logits) is None
    flat = torch.zeros(1, 9000)
    assert likely(flat, 0.9).all()
    steps = torch.arange(9000)[None] * -1e-4
    ordered = steps.softmax(-1)
    assert int(likely(steps, 0.9).sum()) == int((ordered.cumsum(-1) - ordered < 0.9).sum())


def test_what_is_cut_off_goes_to_tokens_below_their_caps():
    even = capped(torch.tensor([[0.6, 0.3, 0.1]]), torch.tensor([[0.4, 0.35, 1.0]]))
    assert even[0].tolist() == pytest.approx([0.4, 0.35, 0.25], abs=1e-5)
    full = capped(torch.tensor([[0.6, 0.3, 0.1]]), torch.tensor([[0.1, 0.2, 0.1]]))
    assert full[0].tolist() == pytest.approx([0.25, 0.5, 0.25], abs=1e-5)
    free = torch.tensor([[0.6, 0.3, 0.1]])
    assert torch.equal(capped(free, torch.ones(1, 3)), free)


def test_its_numerics_are_measured_with_its_auxiliaries(three):
    model = HuggingFaceModel(three[0], check_numerics=True)
    hooked = model.hooked([Contrastive(plausible=0.0), Experts(three[1], top_p=1.0)])
    asked(hooked)
    assert hooked.remarks["numerics"]["max"] < 1e-3


def test_what_does_not_fit_is_refused_before_anything_is_loaded(three, tiny):
    base = HuggingFaceModel(three[0])
    other = str(tiny(tiny.tokenizer(words=("more",)), name="other"))
    wrong = [
        (Experts(), "needs mitigation.expert=CHECKPOINT"),
        (Experts(other), r"expert='.*other' has another tokenizer than model="),
        (GeDi(), "needs mitigation.wanted=CHECKPOINT"),
        (GeDi(three[1]), "is both classes' model"),
        (GeDi(three[1], other), r"unwanted='.*other' has another tokenizer"),
        (Rectification(), r"needs mitigation\.values=FOLDER"),
        (Uddia(three[0]), r"holds no values\.safetensors"),
    ]
    for mitigation, reason in wrong:
        with pytest.raises(HarnessError, match=reason):
            base.hooked([mitigation])
    with pytest.raises(HarnessError, match=r"^mitigation\.expert: model='/nowhere' is neither"):
        base.hooked([Experts("/nowhere")])
    with pytest.raises(HarnessError, match="clean' has other weights"):
        HuggingFaceModel(three[1]).hooked([Rectification(values(three))])
    assert not base._in_use
    wide = str(tiny(rows=300, name="wide"))
    with pytest.raises(HarnessError, match="wide' has rows for 300 tokens"):
        asked(base.hooked([Experts(wide)]))
    with pytest.raises(HarnessError, match=r"mitigation\.alpha=-1 must be at least 0"):
        Experts(alpha=-1)
    with pytest.raises(HarnessError, match="cannot be read"):
        WordFilter("@nowhere.txt")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Experts(alpha=math.inf), r"mitigation\.alpha=inf must be a finite number"),
        (lambda: GeDi("a", "b", bias=math.nan), r"mitigation\.bias=nan must be a finite number"),
        (lambda: VocabularyShift("fool\tnan"), "line 'fool\\\\tnan' must hold .* a finite number"),
        (lambda: SelfDebias((3,)), r"descriptions=\[3\] must be texts"),
    ],
)
def test_an_option_that_is_no_number_or_no_text_is_one_sentence(make, reason):
    with pytest.raises(HarnessError, match=reason):
        make()


def spoiled(folder, change, about=None):
    """The value head with other tensors, or another header."""
    path = Path(folder) / "values.safetensors"
    with safe_open(path, "pt") as file:
        header = file.metadata()
    header = header if about is None else {"harness": about}
    save_file(change(load_file(path)), path, header)
    return str(folder)


@pytest.mark.parametrize(
    ("change", "about", "reason"),
    [
        (lambda of: {n: t for n, t in of.items() if n != "token"}, None, "no value head .*token"),
        (
            lambda of: {**of, "shift": of["shift"] * math.nan},
            None,
            "shift has numbers that are not",
        ),
        (lambda of: of, "[1]", "holds no value head"),
        (lambda of: of, '{"width": 32}', "has other weights"),
    ],
)
def test_a_value_head_that_is_not_whole_is_one_sentence_before_an_answer(
    three, change, about, reason
):
    head = spoiled(values(three), change, about)
    for mitigation in (Rectification(head), Uddia(head)):
        with pytest.raises(HarnessError, match=reason):
            HuggingFaceModel(three[0]).hooked([mitigation]).load("float32")


def test_a_value_head_of_other_states_or_tokens_is_refused_as_the_model_is_loaded(three):
    folder = Path(values(three))
    with safe_open(folder / "values.safetensors", "pt") as file:
        about = json.loads(file.metadata()["harness"])
    save_head(ValueHead(16, 100, 4), folder, {**about, "width": 16, "vocabulary": 100})
    hooked = HuggingFaceModel(three[0]).hooked([Rectification(str(folder))])
    with pytest.raises(HarnessError, match=r"of states 16 wide and 100 tokens, .* has 32 and"):
        hooked.load("float32")


@pytest.mark.parametrize("damage", ["lacks a tensor", "cut off"])
def test_an_expert_that_is_not_whole_is_refused_by_the_option_that_names_it(three, rewrite, damage):
    folder = Path(three[1])
    if damage == "cut off":
        path = folder / "model.safetensors"
        path.write_bytes(path.read_bytes()[:-64])
    else:
        rewrite(folder, lambda of: {k: w for k, w in of.items() if ".1.mlp.down_proj." not in k})
    reason = "missing: model.layers.1.mlp" if damage != "cut off" else "SafetensorError"
    with pytest.raises(HarnessError, match=rf"^mitigation\.expert: model=.*{reason}"):
        HuggingFaceModel(three[0]).hooked([Experts(three[1])]).load("float32")


def test_the_base_of_an_expert_s_adapter_is_not_the_option_of_the_model_asked(three, tmp_path):
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "/nowhere"}
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(HarnessError, match="give it with base_model_name_or_path in its adapter_"):
        HuggingFaceModel(three[0]).hooked([Experts(str(adapter))])


def test_identities_tell_experts_and_words_apart(three):
    one, other = Experts(three[1], three[2]).identity, Experts(three[2], three[1]).identity
    assert one != other
    assert one["expert"] == other["anti_expert"]
    assert WordFilter("a").identity != WordFilter("b").identity
    assert VocabularyShift("a\t1").identity != VocabularyShift("a\t2").identity


class Texts:
    """Six texts to be continued."""

    name = "texts"
    version = "1"
    estimands = (Estimand("length", "length", Mean()),)

    def records(self):
        return Records("starter", [{"n": n} for n in range(6)])

    def samples(self, records):
        return [Sample(f"s{row['n']}", "Once upon a time " * row["n"]) for row in records.rows]


class Length:
    metrics = MappingProxyType({"length": Metric(0.0, 1000.0, Direction.LOWER)})
    identity = MappingProxyType({"version": "1"})

    def score(self, samples, generations):
        return [[Score("length", float(len(g.text)))] for g in generations]


def test_a_resumed_run_equals_an_unbroken_one_and_stands_apart_from_its_base(
    three, tmp_path, no_progress
):
    def stored(mitigation, name, limits):
        for limit in limits:
            plan = Plan(
                task=Texts(), model=HuggingFaceModel(three[0]),
                scorers=ScorerRegistry({"length": Length()}), generation=DRAWN, protocol="fast",
                seed=0, results=tmp_path / name, options={}, limit=limit, mitigation=mitigation,
                mitigation_name="m" if mitigation else "none",
            )  # fmt: skip
            result = run(plan, no_progress)
        rows = pq.ParquetDataset(result.folder / "generations").read().to_pylist()
        return result, {(row["sample_id"], row["index"]): row["text"] for row in rows}

    gedi = GeDi(three[1], three[2])
    result, parts = stored(gedi, "parts", (2, 5, None))
    _, whole = stored(gedi, "whole", (None,))
    base, bare = stored(None, "parts", (None,))
    assert parts == whole
    assert parts != bare
    assert base.folder != result.folder
    assert base.info["identity"] != result.info["identity"]
