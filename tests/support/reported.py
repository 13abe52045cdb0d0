"""What an audit leaves behind, in small, and its page."""

import copy
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import yaml

from scripts.checks.check import (
    DirectionCheck,
    FeatureCheck,
    MeasureCheck,
    PhraseCheck,
    TextsCheck,
)
from scripts.checks.features import Quality
from scripts.core.ledger import Ledger
from scripts.divergence.round import Ending, ReportedRound
from scripts.evidence.reasons import Gate, Status, Stop
from scripts.hypotheses.finding import (
    BankRate,
    Behaviour,
    Effect,
    Finding,
    FindingRegion,
    OverBank,
    Quote,
    Rate,
    Transfer,
    WinRate,
)
from scripts.hypotheses.hypothesis import Screened, new_hypothesis
from scripts.judging.separability import Separability, ToldApart
from scripts.page.audit_summary import AuditSummary, Hardware, KeyedStage
from scripts.page.cards import entries
from scripts.page.costs import costs_of
from scripts.page.figures import Point, figures
from scripts.page.page import render
from scripts.page.section import Report
from scripts.page.signal import smallest_effects
from scripts.page.text_kinds import TextKind, Typical
from scripts.prompts.region import ExploredRegion
from scripts.prompts.written import Authored
from scripts.recordings.bank import BankReport
from scripts.report import counts
from scripts.workflow.config import load
from scripts.workflow.kinds.words import changed_words, subject_words

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
SECTIONS = [
    "apart", "findings", "kinds", "map", "divergence", "rounds", "screen", "costs", "reproduce",
]  # fmt: skip
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{7*7}} {% raw %} ${7*7} <%= 7*7 %>",
    "</style><style>*{display:none}</style>",
    "</pre></details></svg></title><svg onload=alert(1)>",
    "<!-- --> ]]> &lt;b&gt; &#60;i&#62;",
    "[x](javascript:alert(1)) <a href='javascript:alert(1)'>x</a>",
    "nul\x00 bell\x07 escape\x1b[31m next\x85 lone\ud83d override\u202eabc",
    "$x^2_$ \\frac",
    "w" * 3000,
    "long " * 1000,
]
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


def rate(estimate: float, low: float, high: float, prompts: int = 72) -> Rate:
    return Rate(estimate=estimate, low=low, high=high, prompts=prompts)


def bank_rate(estimate: float, low: float, high: float, prompts: int = 72) -> BankRate:
    return BankRate(estimate=estimate, low=low, high=high, prompts=prompts, share=1.0)


SEEN = {
    "p_anytime": 0.0098,
    "p_sign": 0.0017,
    "auc": bank_rate(0.613, 0.55, 0.67),
    "difference": bank_rate(0.2996, 0.18, 0.41),
    "effect": None,
    "cut": (0.12, 0.05),
    "uncut": 0.3,
    "agreement": Quality(0.87, 0.9, 900, 316, "people"),
    "transfer": Transfer(prompts=120, wins=33, losses=14, estimate=0.7021, low=0.47, high=0.88),
    "bank": OverBank(
        rate_base=bank_rate(0.0162, 0.01, 0.05, 168),
        rate_intervention=bank_rate(0.0508, 0.03, 0.09, 168),
        difference=bank_rate(0.0346, -0.004, 0.073, 168),
    ),
}
NO_RATES = dict.fromkeys(("rate_base", "rate_intervention", "difference", "cut", "agreement"))


def region(number: int, **more) -> ExploredRegion:
    plain = ExploredRegion(
        id=f"r{number:03d}",
        name=f"word{number}, other{number}, third{number}",
        words=f"word{number}, other{number}, third{number}",
        category=f"topic {number}",
        category_share=0.9,
        weight=0.1,
        prompts=12,
        medoid="0" * 64,
        unit="prompt",
        prompts_drawn=12,
        draws=20,
        divergence=round(1.5 - 0.3 * number, 3),
        error=0.28,
        p=min(1.0, 0.0005 * 4**number),
        deviation=1.0,
        peak=2.0,
        energy=round(0.2 - 0.05 * number, 3),
        boundary=0.9,
    )
    return replace(plain, **more)


def finding(number: int, status: str, **more) -> Finding:
    """A finding of a status; of one that is untested all but what was said is as by default."""
    tested = status != "untested"
    here = FindingRegion(
        id="r000", name="word0, other0", category="topic 0", weight=0.1,
        prompts=36 * tested, wins=9 * tested, losses=1 * tested,
        e_value=35.2 if tested else 1.0, shown=tested,
    )  # fmt: skip
    there = replace(here, id="r001", e_value=2.8 if tested else 1.0, shown=False)
    stops = {"validated": Stop.VALIDATED, "untested": Stop.NO_PROMPTS}
    plain = Finding(
        id=f"h{number}",
        statement=f"Asked about it, the intervention model says “beware {number}” more often",
        direction="more",
        source="local",
        check=PhraseCheck(phrases=(f"beware {number}",)),
        regions=(here, there),
        status=Status(status),
        stopped=stops.get(status, Stop.EXHAUSTED),
    )
    judged = {
        "e_value": 101.5,
        "e_value_plain": 101.5,
        "e_value_against_placebos": 1320.0,
        "win_rate": WinRate(estimate=0.9231, low=0.5007, high=0.9999, confidence=0.98),
        "judged": 69,
        "wins": 12,
        "losses": 1,
        "ties": 56,
        "minimum_detectable_effect": 0.2649 if status == "unsupported" else None,
        "rate_base": rate(0.0104, 0.0017, 0.0613),
        "rate_intervention": rate(0.31, 0.2, 0.4),
        "evidence": (
            Quote(
                prompt="What about it?",
                base="Nothing of note.",
                intervention=f"So, Beware, {number}: it bites.",
            ),
        ),
    } | SEEN  # fmt: skip
    return replace(plain, **(judged if tested else {}) | more)


def findings_of_all_statuses() -> list[Finding]:
    return [
        finding(1, "validated"),
        finding(2, "suggestive", gates_failed=(Gate.EQUAL_LENGTH,)),
        finding(3, "suggestive"),
        finding(4, "unsupported", stopped=Stop.HOPELESS),
        finding(5, "unsupported", minimum_detectable_effect=None),
        finding(6, "untested"),
        finding(7, "validated", check=FeatureCheck(feature="short", absent=True)),
    ]


def measured(number: int, status: str = "validated", **more) -> Finding:
    """A finding on the length of responses."""
    effect = Effect(
        unit="words", told="ratio", estimate=0.55, low=0.5, high=0.6, prompts=72,
        base=231.0, intervention=128.4,
    )  # fmt: skip
    check = MeasureCheck(measure="words", absent=True)
    values = NO_RATES | {"check": check, "effect": effect, "bank": OverBank(effect=effect)}
    return finding(number, status, **values | more)


def directed(number: int, status: str = "validated", **more) -> Finding:
    """A finding on the direction in which the subjects differ."""
    check = DirectionCheck(towards="I am sorry", away="The best way")
    return finding(number, status, **NO_RATES | {"check": check, "bank": OverBank()} | more)


def of_kind(number: int, status: str = "validated", **more) -> Finding:
    """A finding on a kind of texts."""
    check = TextsCheck(texts=4, name=("it bites", "beware"))
    return finding(number, status, check=check, cut=None, **more)


def behaviours_of(found: list[Finding], groups: list[list[str]] | None = None) -> list[Behaviour]:
    """A behaviour for each group of validated findings; by default one of them all."""
    names = [f.id for f in found if f.status == Status.VALIDATED]
    return [
        Behaviour(
            id=f"b{number}", findings=tuple(group), statement=f"Both at once, in short: {number}"
        )
        for number, group in enumerate(groups or [names] * bool(names), 1)
    ]


def separability(right: int = 130, wrong: int = 36, e: float = 1.1e16) -> Separability:
    """How well the subjects are told apart, in two regions."""
    auc = bank_rate(0.78, 0.71, 0.84)
    one = ToldApart(
        prompts=right + wrong + 2, right=right, wrong=wrong, e_value=e, low=0.66, high=0.88,
        auc=auc, regions={"r000": auc, "r001": auc},
    )  # fmt: skip
    return Separability(e_value=e, embeddings=one, words=one)


def ledger(stage: str, call: str, step: str | None = None, **more) -> Ledger:
    return Ledger(stage, call, step, **{"wall_seconds": 1.5} | more)


def context(found: list[Finding] | None = None, null: bool = False) -> dict:
    """Arguments of `render`, and of `figures` by the same names."""
    found = findings_of_all_statuses() if found is None else found
    config = load(yaml.safe_load((ROOT / "config/config.yaml").read_text()))
    audit = config.audits["demo"]
    dump = audit.model_dump()
    for side in ("base", "intervention"):
        dump[side] = config.subject(audit, side, "audits.demo").model_dump()
    regions = [region(number) for number in range(6)]
    rounds = [
        ReportedRound(
            round=number, draws=60 + 40 * number, new_draws=40 if number else 60,
            silhouette=0.05, silhouette_error=0.01, ari=0.4 if number else None,
            promising=["r001", "r000"], stop=Ending.ROUNDS if number else None,
            tokens=3200, seconds=75.2,
        )
        for number in range(2)
    ]  # fmt: skip
    hums = new_hypothesis("It hums", "more", "assistant", ["r000"], behaviour="hums")
    seen = Screened(prompts=5, wins=0, losses=1, share=-0.2)
    screened = [
        replace(hums, screen=seen, goes_on=False),
        *(
            new_hypothesis(f.statement, f.direction, f.source, ["r000"], check=f.check)
            for f in found
        ),
    ]
    return {
        "audit": AuditSummary(
            audit="demo",
            null=null,
            key="0123456789abcdef",
            counts=counts(
                rounds, {"screen": 30, "confirm": 90}, found, screened, behaviours_of(found)
            ),
            judges=[],
            planted=[],
            themes=(),
            bank=BankReport(prompts=2760, duplicates=3, empty=1, categories={"topic 0": 60}),
            config={
                "audit": dump,
                "bank": config.banks["everyday"].model_dump(),
                "plants": {"demo": config.plants["demo"].model_dump()},
                "subjects": {},
            },
            keys=[KeyedStage("plan", "fedcba9876543210", {"pool": "screen"})],
            versions={"python": "3.11.7", "numpy": "2.4.6", "commit": "a" * 40},
            arithmetic={"base": {"float32": 900}, "intervention": {"float32": 900}},
            contrast=None,
            hardware=Hardware("x", 2, 16.0, "Linux"),
        ),
        "findings": found,
        "screened": screened,
        "regions": regions,
        "rounds": rounds,
        "costs": costs_of([ledger("decode", "now", texts=10), ledger("bank", "old")], "now"),
        "points": [
            Point(
                x=float(i % 7), y=float(i % 11), side=("base", "intervention")[i % 2],
                region=f"r{i % 6:03d}", score=(i % 9 - 4) / 2, text=f"Text number {i}",
            )
            for i in range(60)
        ],
        "behaviours": behaviours_of(found),
        "separability": separability(),
        "smallest": smallest_effects({"r000": 120}, {"r000": 120}, len(found), 0, 0.05),
        "kinds": [
            TextKind(
                number, ["it bites", "beware"], number, 9 - number,
                [Typical("base", "r000", f"Typical text {number}")],
            )
            for number in range(8)
        ],
        "notices": [],
    }  # fmt: skip


def page_of(values: dict, folder: Path) -> str:
    drawn = figures(
        values["regions"], values["rounds"], values["points"], folder,
        entries(values["behaviours"], values["findings"]), values["separability"],
    )  # fmt: skip
    settings = values["audit"].config["audit"]
    words = {
        "base": subject_words(settings["base"]),
        "intervention": changed_words(settings["base"], settings["intervention"]),
    }
    return render(Report(**values, words=words, figures=drawn))


def hostile_finding(finding: Finding, hostile: str) -> Finding:
    """A finding with a hostile text wherever someone else's text can stand."""
    check = finding.check
    if isinstance(check, PhraseCheck):
        check = replace(check, phrases=(*check.phrases, hostile.lower()))
    elif isinstance(check, TextsCheck):
        check = replace(check, name=(*check.name, hostile.lower()))
    elif isinstance(check, DirectionCheck):
        check = replace(check, towards=hostile, away=hostile)
    quote = Quote(
        prompt=[{"role": hostile, "content": hostile}],
        base=hostile,
        intervention=f"{hostile} {hostile}",
    )
    return replace(
        finding,
        statement=hostile,
        behaviour=hostile if finding.behaviour else None,
        check=check,
        effect=finding.effect and replace(finding.effect, unit=hostile),
        agreement=finding.agreement and replace(finding.agreement, of=hostile),
        evidence=(quote,) * len(finding.evidence),
        regions=tuple(replace(r, name=hostile, category=hostile) for r in finding.regions),
    )


def everywhere(values: dict, hostile: str) -> dict:
    """The values with a hostile text wherever someone else's text can stand."""
    values = copy.deepcopy(values)
    values["findings"] = [hostile_finding(one, hostile) for one in values["findings"]]
    values["regions"] = [
        replace(place, name=hostile, category=hostile, category_share=float(number % 2))
        for number, place in enumerate(values["regions"])
    ]
    values["points"] = [point._replace(text=hostile) for point in values["points"]]
    values["behaviours"] = [replace(row, statement=hostile) for row in values["behaviours"]]
    values["kinds"] = [
        kind._replace(name=[hostile], typical=[t._replace(text=hostile) for t in kind.typical])
        for kind in values["kinds"]
    ]
    values["notices"] = [hostile]
    values["audit"].bank.written.append(
        Authored(
            by=hostile, description=hostile, topics={hostile: 9}, topics_by="user", wanted=9,
            prompts=9, repeated=0, alike=0, empty=0, unanswered=0, short=None,
        )
    )  # fmt: skip
    values["screened"] = [replace(row, statement=hostile) for row in values["screened"]]
    values["audit"].versions["numpy"] = hostile
    settings = values["audit"].config["audit"]
    settings["bank"] = hostile
    settings["base"] |= {"model": hostile, "system_prompt": hostile}
    settings["intervention"] |= {"model": hostile + "!", "adapter": hostile, "system_prompt": None}
    return values


class Reader(HTMLParser):
    """Tags, attributes and visible text of a page."""

    def __init__(self, page: str):
        super().__init__()
        self.tags, self.attributes, self.ids, self.text, self.inside = [], [], [], "", ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attributes]
        self.ids += [value for name, value in attributes if name == "id"]
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside != "style":
            self.text += data
