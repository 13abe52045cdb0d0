"""The local assistant: proposes from contrasts that can be checked on a text, and judges by them.

It needs no key and no model and is deterministic. Distinctive phrases come from log-odds with an
informative Dirichlet prior (Monroe, Colaresi & Quinn 2008), beside a list of readable features.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from scripts.assistants.checks import holds
from scripts.assistants.features import FEATURES
from scripts.assistants.words import common_words, grams

LEAST_TEXTS = 2
LEAST_IN_REGION, LEAST_IN_ALL = 0.25, 0.05  # sign test of a phrase, in a region and over all
RAREST = 1  # texts; a phrase that fewer have counts like one that a single text has
SAME_TEXTS = 0.5  # Jaccard index of the texts that two checks hold for, from which they are one
WEAK, UNION = 10, 6  # prompts won by a phrase that is still weak; phrases in a union of such
BELONGS = 0.4  # of the strongest region's net share
EXPLAINED = 0.8  # share of a check's texts from which earlier findings explain it
LONGER_FORM = 0.6  # of a phrase's texts must hold its longer form to be named by it


@dataclass(frozen=True)
class Pair:
    """The two subjects' texts for one draw of a prompt."""

    prompt: str
    region: str
    base: str
    intervention: str


def pair_score(check: Mapping[str, Any], pair: Pair) -> int:
    """+1 when only the intervention's text shows it, -1 when only the base's, else 0."""
    return int(holds(check, pair.intervention)) - int(holds(check, pair.base))


def propose(
    pairs: Sequence[Pair],
    ranked: Sequence[str],
    regions: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Hypotheses, strongest first; behaviours shared by regions are one.

    ranked: regions, those that are most worth a look first; the first `regions` of them are looked
    at. Contrasts are taken in each and over all of them; a hypothesis names those in which more
    prompts speak for it than against it.
    """
    chosen = list(ranked)[: settings["regions"]]
    inside = [pair for pair in pairs if pair.region in chosen]
    of_phrase = _pairs_by_phrase(inside, settings["phrase_words"])
    sizes = Sizes.of(inside)

    def relevant(check):
        """The pairs that a check can tell apart: of one phrase, those that have it."""
        return of_phrase[check["phrases"][0]] if check["kind"] == "phrases" else inside

    candidates = [
        *_phrase_candidates(of_phrase, chosen),
        *({"kind": "feature", "feature": name} for name in FEATURES),
        *({"kind": "feature", "feature": name, "absent": True} for name in FEATURES),
    ]
    scored = []
    for check in candidates:
        nets = region_nets(check, relevant(check), sizes)
        where = _where({region: nets[region] for region in chosen if _speaks(nets.get(region))})
        if where:
            net = sum(net.wins - net.losses for net in where.values())
            new = novelty(check, [pair.base for pair in relevant(check)], len(inside))
            scored.append((net * _telling(check) * new, where, check))
    scored.sort(key=lambda s: (-s[0], str(s[2])))
    strongest = _merged(scored, relevant, settings["hypotheses"])
    return [
        {
            "statement": sentence(check, where, regions),
            "direction": "less" if check.get("absent") else "more",
            "regions": sorted(where),
            "check": check,
            "explored": {region: list(net) for region, net in sorted(where.items())},
            "source": "local",
        }
        for check, where in _with_unions(strongest, inside, sizes)
    ]


def _pairs_by_phrase(pairs: Sequence[Pair], longest: int) -> dict[str, list[Pair]]:
    """Which pairs have a phrase, on either side."""
    found: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        for phrase in grams(pair.base, longest) | grams(pair.intervention, longest):
            found[phrase].append(pair)
    return found


def _phrase_candidates(
    of_phrase: Mapping[str, Sequence[Pair]], chosen: Sequence[str]
) -> list[dict[str, Any]]:
    """Phrases that one side says more often than chance would have it, in a region or over all.

    Were the sides alike, each text with a phrase would be either side's with chance 1/2: a sign
    test, far from strict, since the screen pool eliminates what chance has put here.
    """
    wanted, found = set(chosen), []
    for phrase, pairs in of_phrase.items():
        if len(pairs) < LEAST_TEXTS:
            continue
        check = {"kind": "phrases", "phrases": [phrase]}
        counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for pair in pairs:
            if pair.region in wanted:
                counts[pair.region][0] += holds(check, pair.base)
                counts[pair.region][1] += holds(check, pair.intervention)
        total = [sum(side) for side in zip(*counts.values(), strict=True)] or [0, 0]
        scopes = [*((pair, LEAST_IN_REGION) for pair in counts.values()), (total, LEAST_IN_ALL)]
        for more, absent in ((1, False), (0, True)):
            if any(
                count[more] >= LEAST_TEXTS and _by_chance(count[more], count[1 - more]) <= level
                for count, level in scopes
            ):
                found.append(check | {"absent": True} if absent else check)
    return found


@cache
def _by_chance(more: int, less: int) -> float:
    """Chance that of more + less fair coins at least `more` show heads."""
    from scipy.stats import binom  # a second, which who only counts or asks a model need not wait

    return float(binom.sf(more - 1, more + less, 0.5))


def novelty(check: Mapping[str, Any], base: Sequence[str], texts: int) -> float:
    """How rarely the base's texts show what a check looks for, wherever they come from: 1 when
    none does, 0 when all do (inverse document frequency over its maximum).

    base: the texts that can show it, of `texts` in all.
    """
    shown = sum(holds(check, text) for text in base)
    return math.log((1 + texts) / (1 + shown)) / math.log(1 + texts) if texts else 1.0


def _telling(check: Mapping[str, Any]) -> float:
    """How much a feature, or a phrase of several words, is preferred to one word that more texts
    share."""
    words = len(check["phrases"][0].split()) if "phrases" in check else 2
    return {1: 1.0, 2: 2.0, 3: 2.5}.get(words, 3.0)


class Net(NamedTuple):
    """Prompts of a region for and against a check, and all of them; the mean pair score of its
    draws."""

    wins: int
    losses: int
    prompts: int
    share: float


class Sizes(NamedTuple):
    """Prompts and draws of each region."""

    prompts: Counter[str]
    draws: Counter[str]

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> "Sizes":
        prompts = {(pair.prompt, pair.region) for pair in pairs}
        return cls(Counter(r for _, r in prompts), Counter(pair.region for pair in pairs))


def region_nets(
    check: Mapping[str, Any], pairs: Sequence[Pair], sizes: Sizes | None = None
) -> dict[str, Net]:
    """How many prompts of each region speak for a check and how many against it.

    sizes: of the regions, where `pairs` are but those that the check can tell apart.
    """
    prompts, draws = sizes or Sizes.of(pairs)
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    of_prompt: dict[tuple[str, str], int] = defaultdict(int)
    for pair in pairs:
        of_prompt[pair.region, pair.prompt] += pair_score(check, pair)
    for (region, _), score in of_prompt.items():
        counts[region][0] += score > 0
        counts[region][1] += score < 0
        counts[region][2] += score
    return {
        region: Net(wins, losses, prompts[region], round(score / draws[region], 4))
        for region, (wins, losses, score) in counts.items()
    }


def _where(nets: Mapping[str, Net]) -> dict[str, Net]:
    """Regions that belong together: a region where the contrast is far weaker than in the one that
    shows it most would only dilute the hypothesis."""
    share = {region: (net.wins - net.losses) / net.prompts for region, net in nets.items()}
    most = max(share.values(), default=0.0)
    return {region: nets[region] for region in nets if share[region] >= BELONGS * most}


def _speaks(net: Net | None) -> bool:
    """Enough prompts for it, more than chance would give: a selection on the explore pool."""
    return (
        net is not None
        and net.wins - net.losses >= 2
        and _by_chance(net.wins, net.losses) <= LEAST_IN_REGION
    )


def _merged(scored, relevant, most: int) -> list[tuple[dict[str, Any], dict[str, Net]]]:
    """Fold candidates that hold for the same texts into the strongest of them, up to `most`.

    Of its longer forms a phrase takes the longest that still holds for most of its texts; up to two
    other phrases that add texts join it as alternatives.
    """
    groups: list[dict[str, Any]] = []
    for _, where, check in scored:
        if len(groups) == most:
            break
        shown = {id(p) for p in relevant(check) if p.region in where and pair_score(check, p) > 0}
        alike = [g for g in groups if bool(g["check"].get("absent")) == bool(check.get("absent"))]
        same = next((g for g in alike if _same_behaviour(check, shown, g)), None)
        if same is not None:
            if check["kind"] == same["check"]["kind"] == "phrases":
                _join(same, check["phrases"][0], shown)
        elif not _explained(check, shown, alike):
            phrases = list(check.get("phrases", []))
            groups.append({"check": check, "where": where, "shown": shown, "phrases": phrases})
    return [
        (g["check"] | {"phrases": g["phrases"]} if g["phrases"] else g["check"], g["where"])
        for g in groups
    ]


def _with_unions(
    found: Sequence[tuple[dict[str, Any], dict[str, Net]]],
    pairs: Sequence[Pair],
    sizes: "Sizes",
) -> list[tuple[dict[str, Any], dict[str, Net]]]:
    """Beside each region's weak phrases, all that the base never says, one hypothesis that any of
    them is said: a behaviour that words itself in many ways shows in none of them often."""

    def never_said(check):
        return not any(holds(check, pair.base) for pair in pairs)

    weak: dict[str, list[str]] = defaultdict(list)
    for check, where in found:
        if check["kind"] == "phrases" and not check.get("absent") and len(where) == 1:
            ((region, net),) = where.items()
            if net.wins < WEAK and net.losses == 0 and never_said(check):
                weak[region] += check["phrases"]
    unions = []
    for region, phrases in weak.items():
        check = {"kind": "phrases", "phrases": phrases[:UNION]}
        if len(phrases) > 1:
            nets = region_nets(check, [pair for pair in pairs if pair.region == region], sizes)
            unions.append((check, nets))
    return [*found, *unions]


def _same_behaviour(check: Mapping[str, Any], shown: set[int], group: Mapping[str, Any]) -> bool:
    """Whether a check holds for the texts of a group, or is a plainer or longer form of its phrase.

    A feature that many texts share (short ones, say) must not swallow a phrase that some have.
    """
    both, known = len(shown & group["shown"]), group["shown"]
    if check["kind"] != group["check"]["kind"]:
        return both >= EXPLAINED * len(shown | known)
    if both >= SAME_TEXTS * len(shown | known):
        return True
    if check["kind"] != "phrases" or both < EXPLAINED * len(shown):
        return False
    plainer = _telling(check) <= _telling(group)
    return plainer or bool(_content(check["phrases"]) & _content(group["phrases"]))


def _content(phrases: Sequence[str]) -> set[str]:
    return {word for phrase in phrases for word in phrase.split()} - common_words()


def _explained(check, shown: set[int], groups: Sequence[Mapping[str, Any]]) -> bool:
    """Whether phrases found before leave nothing new to one word that several of them share."""
    if check["kind"] != "phrases" or " " in check["phrases"][0]:
        return False
    of_phrases = [g["shown"] for g in groups if g["phrases"]]
    return len(shown & set().union(*of_phrases)) >= EXPLAINED * len(shown)


def _join(group: dict[str, Any], phrase: str, shown: set[int]) -> None:
    """Take a phrase into a group: as a longer form of its first phrase, or as an alternative."""
    first = group["phrases"][0]
    if f" {first} " in f" {phrase} ":
        if len(shown) >= LONGER_FORM * len(group["shown"]):
            group["phrases"][0] = phrase
    elif not any(f" {phrase} " in f" {known} " for known in group["phrases"]):
        new = shown - group["shown"]
        if len(group["phrases"]) < 3 and len(new) >= 0.1 * len(group["shown"]):
            group["phrases"].append(phrase)
            group["shown"] |= shown


def topic(region: Mapping[str, Any]) -> str:
    """A region in words: its category where that fits, else its typical words."""
    fits = region["category_share"] >= 0.6 and region["category"] != "other"
    return region["category"] if fits else region["name"]


def about(where: Mapping[str, Net], regions: Mapping[str, Mapping[str, Any]]) -> str:
    """The regions of a hypothesis in words: those that show it most, then those at times."""
    if len(where) >= 0.8 * len(regions) > 1:
        return "almost anything"
    share = {r: (net.wins - net.losses) / max(1, net.prompts) for r, net in where.items()}
    most = max(share.values())
    ordered = sorted(where, key=lambda r: (-share[r], r))
    mainly = _listed([topic(regions[r]) for r in ordered if share[r] >= most / 2])
    rest = _listed([topic(regions[r]) for r in ordered if share[r] < most / 2])
    return f"{mainly}, and at times about {rest}" if rest else mainly


def _listed(names: Sequence[str]) -> str:
    names = list(dict.fromkeys(names))
    if len(names) > 5:
        names = [*names[:4], f"{len(names) - 4} more topics"]
    return "; ".join(names[:-1]) + " or " + names[-1] if len(names) > 1 else "".join(names)


def sentence(
    check: Mapping[str, Any], where: Mapping[str, Net], regions: Mapping[str, Mapping[str, Any]]
) -> str:
    """A directional sentence for a check and what was seen of it in its regions."""
    subject = f"Asked about {about(where, regions)}, the intervention model"
    more = "less" if check.get("absent") else "more"
    if check["kind"] == "phrases":
        quoted = " or ".join(f"“{phrase}”" for phrase in check["phrases"])
        return f"{subject} says {quoted} {more} often than the base does"
    what = FEATURES[check["feature"]][0]
    return f"{subject} gives responses that {what} {more} often than the base's do"


def placebo_checks(
    hypothesis: Mapping[str, Any],
    others: Sequence[Mapping[str, Any]],
    base_texts: Mapping[str, Sequence[str]],
    count: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Checks of the same kind whose rate on the base's texts is within a factor 2, fixed before
    confirm: other regions' statements, then phrases of the base's own texts, then shipped features
    (last, since features of one behaviour move together: who refuses apologises, too).

    Excluded by meaning, never by outcome: a placebo that shares a content word, or a feature, with
    the hypothesis. base_texts: the base's texts by region. Rates, (texts + 1/2) / (all + 1), are
    compared in the hypothesis's regions and over all of them, since a few texts that lack a phrase
    do not tell whether one in a hundred or one in a thousand has it; below RAREST texts nothing is
    told apart. Returns at most `count`.
    """
    own = hypothesis["check"]
    own_words = {w for phrase in own.get("phrases", []) for w in phrase.split()}
    inside = [t for region in hypothesis["regions"] for t in base_texts.get(region, ())]
    everywhere = [t for texts in base_texts.values() for t in texts]

    def rate(check, texts):
        shown = sum(holds(check, t) for t in texts)
        return (max(RAREST, min(shown, len(texts) - RAREST)) + 0.5) / (len(texts) + 1)

    targets = [(texts, rate(own, texts)) for texts in (inside, everywhere)]
    elsewhere = [h["check"] for h in others if not set(hypothesis["regions"]) & set(h["regions"])]
    shipped = [{"kind": "feature", "feature": name} for name in FEATURES]
    shipped += [check | {"absent": True} for check in shipped]
    rng = np.random.default_rng(seed)
    counts = Counter(phrase for text in inside for phrase in grams(text, 3))
    phrases = [{"kind": "phrases", "phrases": [p]} for p in sorted(counts)]
    if own.get("absent"):
        phrases = [check | {"absent": True} for check in phrases]
    phrases = [phrases[i] for i in rng.permutation(len(phrases))]
    found: list[dict[str, Any]] = []
    for check in [*elsewhere, *phrases, *shipped]:
        if check in found or _same_meaning(check, own, own_words):
            continue
        if all(target / 2 <= rate(check, texts) <= target * 2 for texts, target in targets):
            found.append(check)
        if len(found) == count:
            break
    return found


def _same_meaning(check, own, own_words) -> bool:
    if check["kind"] == "feature":
        return check.get("feature") == own.get("feature")
    shared = own_words & {w for phrase in check["phrases"] for w in phrase.split()}
    return bool(shared - common_words())
