"""The local assistant: proposes from contrasts that can be checked on a text, and judges by them.

It needs no key and no model and is deterministic. Distinctive phrases come from log-odds with an
informative Dirichlet prior (Monroe, Colaresi & Quinn 2008), beside a list of readable features.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from scripts.assistants.checks import FEATURES, holds, sentences

PRIOR_WEIGHT = 500.0  # tokens that the prior is worth
LEAST_Z = 1.96
LEAST_TEXTS = 3
LEAST_SHARE = 0.15  # of the texts on the side that shows it more
SAME_TEXTS = 0.5  # Jaccard index of the texts that two checks hold for, from which they are one
COMMON = frozenset(ENGLISH_STOP_WORDS) | {"it's", "i'm", "don't", "you're", "can't", "that's", "s"}


@dataclass(frozen=True)
class Pair:
    """The two subjects' texts for one draw of a prompt."""

    prompt: str
    region: str
    base: str
    intervention: str


def grams(text: str, longest: int) -> set[str]:
    """Phrases of 1 to `longest` words within sentences that neither begin nor end in a stop word
    and hold a word of four letters or more."""
    found = set()
    for sentence in sentences(text):
        for start in range(len(sentence)):
            for size in range(1, longest + 1):
                phrase = sentence[start : start + size]
                if len(phrase) < size:
                    break
                if phrase[0] in COMMON or phrase[-1] in COMMON:
                    continue
                if any(len(w) > 3 and not w.isdigit() and w not in COMMON for w in phrase):
                    found.add(" ".join(phrase))
    return found


def log_odds(more: Counter, less: Counter, prior: Counter) -> dict[str, float]:
    """z-scores of log-odds ratios with an informative Dirichlet prior (Monroe et al. 2008, eq. 22).

    Counts are numbers of texts with a phrase; the prior is scaled to PRIOR_WEIGHT in all.
    """
    scale = PRIOR_WEIGHT / max(1, sum(prior.values()))
    n_more, n_less = sum(more.values()), sum(less.values())
    scores = {}
    for phrase, count in more.items():
        alpha = max(prior[phrase], 1) * scale
        a, b = count + alpha, less[phrase] + alpha
        delta = math.log(a / (n_more + PRIOR_WEIGHT - a)) - math.log(
            b / (n_less + PRIOR_WEIGHT - b)
        )
        scores[phrase] = delta / math.sqrt(1 / a + 1 / b)
    return scores


def sign_of(check: Mapping[str, Any], pair: Pair) -> int:
    """Pair score: +1 when only the intervention's text shows it, -1 when only the base's, else 0."""
    return int(holds(check, pair.intervention)) - int(holds(check, pair.base))


def prompt_scores(check: Mapping[str, Any], pairs: Iterable[Pair]) -> dict[str, float]:
    """Mean pair score of each prompt."""
    scores: dict[str, list[int]] = defaultdict(list)
    for pair in pairs:
        scores[pair.prompt].append(sign_of(check, pair))
    return {prompt: sum(s) / len(s) for prompt, s in scores.items()}


def propose(
    pairs: Sequence[Pair],
    promising: Sequence[str],
    regions: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Hypotheses for the promising regions, strongest first; behaviours shared by regions are one.

    Contrasts are taken in each promising region and over all of them; a hypothesis names the
    promising regions in which more prompts speak for it than against it.
    """
    chosen = list(promising)[: settings["regions"]]
    inside = [pair for pair in pairs if pair.region in chosen]
    candidates = [
        *_phrase_candidates(pairs, inside, chosen, settings["phrase_words"]),
        *({"kind": "feature", "feature": name} for name in FEATURES),
        *({"kind": "feature", "feature": name, "absent": True} for name in FEATURES),
    ]
    scored = []
    for check in candidates:
        nets = _region_nets(check, inside)
        where = [region for region in chosen if _speaks(nets.get(region))]
        if where:
            strength = sum(nets[region][0] - nets[region][1] for region in where)
            scored.append((strength, where, check))
    scored.sort(key=lambda s: (-s[0], _longest_first(s[2]), str(s[2])))
    found = []
    for strength, where, check, more in _merged(scored, inside):
        phrases = check.get("phrases", []) + more
        full = check | {"phrases": phrases} if phrases else check
        found.append(
            {
                "statement": sentence(full, [regions[r] for r in where], len(regions)),
                "direction": "less" if full.get("absent") else "more",
                "regions": sorted(where),
                "check": full,
                "explored_net": strength,
                "source": "local",
            }
        )
    return found[: settings["hypotheses"]]


def _longest_first(check: Mapping[str, Any]) -> int:
    return -len(check["phrases"][0].split()) if check["kind"] == "phrases" else 0


def _phrase_candidates(pairs, inside, chosen, longest) -> list[dict[str, Any]]:
    of_pair = {id(p): (grams(p.base, longest), grams(p.intervention, longest)) for p in inside}
    prior: Counter = Counter()
    for pair in pairs:
        for text in of_pair.get(id(pair)) or (
            grams(pair.base, longest),
            grams(pair.intervention, longest),
        ):
            prior.update(text)
    found: dict[tuple[str, bool], None] = {}
    for scope in [*([region] for region in chosen), chosen]:
        here = [pair for pair in inside if pair.region in scope]
        counts = [Counter(), Counter()]
        for pair in here:
            for side in (0, 1):
                counts[side].update(of_pair[id(pair)][side])
        for side, absent in ((1, False), (0, True)):
            more, less = counts[side], counts[1 - side]
            least = max(LEAST_TEXTS, LEAST_SHARE * len(here))
            for phrase, z in log_odds(more, less, prior).items():
                if z >= LEAST_Z and more[phrase] >= least and more[phrase] >= 2 * less[phrase]:
                    found[phrase, absent] = None
    return [
        {"kind": "phrases", "phrases": [phrase]} | ({"absent": True} if absent else {})
        for phrase, absent in found
    ]


def _region_nets(check, pairs) -> dict[str, tuple[int, int, int]]:
    """Prompts for, against and in all, in each region."""
    nets: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    region_of = {pair.prompt: pair.region for pair in pairs}
    for prompt, score in prompt_scores(check, pairs).items():
        counts = nets[region_of[prompt]]
        counts[0] += score > 0
        counts[1] += score < 0
        counts[2] += 1
    return {region: tuple(counts) for region, counts in nets.items()}


def _speaks(net: tuple[int, int, int] | None) -> bool:
    """Enough prompts for it, clearly more than against: a selection on the explore pool."""
    return net is not None and net[0] - net[1] >= max(2, 0.2 * net[2])


def _merged(scored, pairs):
    """Fold candidates that hold for the same texts into the strongest of them."""
    groups: list[dict[str, Any]] = []
    for strength, where, check in scored:
        here = [p for p in pairs if p.region in where]
        shown = {id(p) for p in here if sign_of(check, p) > 0}
        for group in groups:
            if bool(group["check"].get("absent")) != bool(check.get("absent")):
                continue
            both = len(shown & group["shown"])
            if both >= SAME_TEXTS * len(shown | group["shown"]) or both >= 0.8 * len(shown):
                new = shown - group["shown"]
                same_kind = check["kind"] == group["check"]["kind"] == "phrases"
                if same_kind and len(group["more"]) < 2 and len(new) >= 0.1 * len(group["shown"]):
                    group["more"].append(check["phrases"][0])
                    group["shown"] |= shown
                break
        else:
            groups.append(
                {"strength": strength, "where": where, "check": check, "more": [], "shown": shown}
            )
    return [(g["strength"], g["where"], g["check"], g["more"]) for g in groups]


def region_phrase(regions: Sequence[Mapping[str, Any]], of: int) -> str:
    """The regions in words: their categories where these fit, else their typical words."""
    if len(regions) >= 0.8 * of and of > 1:
        return "almost anything"
    names: list[str] = []
    for region in sorted(regions, key=lambda r: (-r["weight"], r["id"])):
        category = region["category"] if region["category_share"] >= 0.6 else None
        name = category if category and category != "other" else region["name"]
        if name not in names:
            names.append(name)
    if len(names) > 6:
        names = [*names[:5], f"{len(names) - 5} more topics"]
    return names[0] if len(names) == 1 else "; ".join(names[:-1]) + " or " + names[-1]


def sentence(check: Mapping[str, Any], regions: Sequence[Mapping[str, Any]], of: int) -> str:
    """A directional sentence for a check and its regions."""
    about = f"Asked about {region_phrase(regions, of)}, the intervention model"
    if check["kind"] == "phrases":
        quoted = " or ".join(f"“{phrase}”" for phrase in check["phrases"])
        if check.get("absent"):
            return f"{about} says {quoted} less often than the base does"
        return f"{about} says {quoted} more often than the base does"
    what = FEATURES[check["feature"]][0]
    more = "less" if check.get("absent") else "more"
    return f"{about} gives responses that {what} {more} often than the base's do"


def placebo_checks(
    hypothesis: Mapping[str, Any],
    others: Sequence[Mapping[str, Any]],
    base_texts: Sequence[str],
    count: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Checks of the same kind whose rate on the base's texts is within a factor 2, fixed before
    confirm: other regions' statements, then shipped features, then phrases of the base's own texts.

    Excluded by meaning, never by outcome: a placebo that shares a content word, or a feature, with
    the hypothesis. Rates are (texts + 1/2) / (all + 1). Returns at most `count`.
    """
    own = hypothesis["check"]
    regions = set(hypothesis["regions"])
    own_words = {w for phrase in own.get("phrases", []) for w in phrase.split()}

    def rate(check):
        return (sum(holds(check, t) for t in base_texts) + 0.5) / (len(base_texts) + 1)

    target = rate(own)
    elsewhere = [h["check"] for h in others if not regions & set(h["regions"])]
    shipped = [{"kind": "feature", "feature": name} for name in FEATURES]
    shipped += [check | {"absent": True} for check in shipped]
    rng = np.random.default_rng(seed)
    counts = Counter(phrase for text in base_texts for phrase in grams(text, 3))
    phrases = [{"kind": "phrases", "phrases": [p]} for p in sorted(counts)]
    if own.get("absent"):
        phrases = [check | {"absent": True} for check in phrases]
    phrases = [phrases[i] for i in rng.permutation(len(phrases))]
    same_kind = phrases if own["kind"] == "phrases" else shipped
    rest = shipped if own["kind"] == "phrases" else phrases
    found: list[dict[str, Any]] = []
    for check in [*elsewhere, *same_kind, *rest]:
        if check in found or _same_meaning(check, own, own_words):
            continue
        if target / 2 <= rate(check) <= target * 2:
            found.append(check)
        if len(found) == count:
            break
    return found


def _same_meaning(check, own, own_words) -> bool:
    if check["kind"] == "feature":
        return check.get("feature") == own.get("feature")
    shared = own_words & {w for phrase in check["phrases"] for w in phrase.split()}
    return bool(shared - COMMON)
