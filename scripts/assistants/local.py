"""The local assistant: proposes from contrasts that can be checked on a text.

It needs no key and is deterministic. It looks at phrases, at named features, at graded measures, at
the kinds of texts that were explored, at the direction in which they differ and, where the audit
names a model that reads them, at statements that texts entail.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from scripts.assistants.settings import LocalProposing
from scripts.checks.check import (
    Check,
    DirectionCheck,
    EntailedCheck,
    FeatureCheck,
    MeasureCheck,
    PhraseCheck,
    Text,
    TextsCheck,
    content_of,
    graded,
    holds,
    value,
)
from scripts.checks.features import FEATURES
from scripts.checks.measures import MEASURES
from scripts.checks.phrases import distinctive
from scripts.checks.words import common_words, grams
from scripts.hypotheses.hypothesis import Hypothesis, new_hypothesis
from scripts.hypotheses.pairs import Net, Pair, Sizes, pair_score, region_nets
from scripts.hypotheses.wording import family, sentence, telling
from scripts.prompts.region import Region

Found = tuple[Check, dict[str, Net]]  # a check, and what was seen of it in its regions
Scored = tuple[float, dict[str, Net], Check]

LEAST_TEXTS = 2
LEAST_IN_REGION, LEAST_IN_ALL = 0.25, 0.05  # sign test of a check, in a region and over all
SAME_TEXTS = 0.5  # Jaccard index of the texts that two checks hold for, from which they are one
WEAK, UNION = 10, 6  # prompts won by a phrase that is still weak; phrases in a union of such
BELONGS = 0.4  # of the strongest region's net share
WIDE = 0.25  # of it, from which the rest belongs too: the strongest was chosen for its strength
EXPLAINED = 0.8  # share of a check's texts from which earlier findings explain it
LONGER_FORM = 0.6  # of a phrase's texts must hold its longer form to be named by it
NAMES_OF_KIND = 3  # phrases that name a kind of texts
QUOTED_WORDS, QUOTED_LETTERS = 12, 60  # of the texts that stand for a direction, at most


def propose(
    pairs: Sequence[Pair],
    ranked: Sequence[str],
    regions: Mapping[str, Region],
    settings: LocalProposing,
) -> list[Hypothesis]:
    """Hypotheses, the strongest phrases and features first, then what compares whole texts;
    behaviours shared by regions are one.

    ranked: regions, those that are most worth a look first; the first `regions` of them are looked
    at. Contrasts are taken in each and over all of them; a hypothesis names those in which more
    prompts speak for it than against it, or all where the rest speaks for it as well.

    Of phrases and features there are up to `hypotheses`, of what compares texts as a whole
    (measures, kinds of texts, the direction) up to half as many more.
    """
    chosen = list(ranked)[: settings["regions"]]
    inside = [pair for pair in pairs if pair.region in chosen]
    of_phrase = _pairs_by_phrase(inside, settings["phrase_words"])
    sizes = Sizes.of(inside)

    def relevant(check: Check) -> Sequence[Pair]:
        """The pairs that a check can tell apart: of one phrase, those that have it."""
        return of_phrase[check.phrases[0]] if isinstance(check, PhraseCheck) else inside

    def scored(candidates: Iterable[Check], weight: Callable[[Check], float]) -> list[Scored]:
        found: list[Scored] = []
        for check in candidates:
            where = _scope(check, region_nets(check, relevant(check), sizes), sizes, chosen)
            if where:
                new = novelty(check, [p.sides[0] for p in relevant(check)], len(inside))
                found.append((_margin(where) * weight(check) * new, where, check))
        return sorted(found, key=lambda s: (-s[0], str(content_of(s[2]))))

    most = settings["hypotheses"]
    of_whole = scored(_whole_candidates(inside), lambda _: 1.0)
    whole = _merged(of_whole, relevant, max(1, most // 2))
    named: list[Check] = [*feature_checks(), *_statements(inside)]
    parts = [*_phrase_candidates(of_phrase, chosen), *both_ways(named)]
    strongest = _merged(scored(parts, _preference), relevant, most)
    found = [*_with_unions(strongest, inside, sizes), *_named(whole, inside)]
    return [
        new_hypothesis(
            sentence(check, where, regions),
            "less" if check.absent else "more",
            "local",
            where,
            check=check,
            explored=dict(sorted(where.items())),
        )
        for check, where in found
    ]


def both_ways(checks: Iterable[Check]) -> list[Check]:
    """Checks, each of them both ways."""
    checks = list(checks)
    return [*checks, *(replace(check, absent=True) for check in checks)]


def feature_checks() -> list[FeatureCheck]:
    """One check of each feature."""
    return [FeatureCheck(feature=name) for name in FEATURES]


def _statements(pairs: Sequence[Pair]) -> list[EntailedCheck]:
    """Statements that any text entails."""
    placed = [at.placed for pair in pairs for at in pair.sides if at.placed is not None]
    found = frozenset[str]().union(*(at.entailed for at in placed))
    return [EntailedCheck(statement=statement) for statement in sorted(found)]


def _whole_candidates(pairs: Sequence[Pair]) -> list[Check]:
    """Checks that compare texts as a whole; by vectors where the texts are embedded."""
    placed = [at.placed for pair in pairs for at in pair.sides if at.placed is not None]
    kinds = sorted({at.kind for at in placed})
    return [
        *both_ways(MeasureCheck(measure=name) for name in MEASURES),
        *both_ways(TextsCheck(texts=kind) for kind in (kinds if len(kinds) > 1 else ())),
        *([DirectionCheck()] if placed else []),
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
) -> list[Check]:
    """Phrases that one side says more often than chance would have it, in a region or over all.

    Were the sides alike, each text with a phrase would be either side's with chance 1/2: a sign
    test, far from strict, since the screen pool eliminates what chance has put here.
    """
    wanted, found = set(chosen), list[Check]()
    for phrase, pairs in of_phrase.items():
        if len(pairs) < LEAST_TEXTS:
            continue
        check = PhraseCheck(phrases=(phrase,))
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
                found.append(replace(check, absent=absent))
    return found


@cache
def _by_chance(more: int, less: int) -> float:
    """Chance that of more + less fair coins at least `more` show heads."""
    from scipy.stats import binom  # a second, which who only counts or asks a model need not wait

    return float(binom.sf(more - 1, more + less, 0.5))


def novelty(check: Check, base: Sequence[Text], texts: int) -> float:
    """How rarely the base's texts show what a check looks for, wherever they come from: 1 when
    none does, 0 when all do (inverse document frequency over its maximum); 1 of a graded check,
    which every text shows somehow.

    base: the texts that can show it, of `texts` in all.
    """
    if graded(check) or not texts:
        return 1.0
    shown = sum(value(check, text) for text in base)
    return math.log((1 + texts) / (1 + shown)) / math.log(1 + texts)


def _preference(check: Check) -> float:
    """How much a feature, or a phrase of several words, is preferred to one word that more texts
    share; formal features no less than others, since the screen eliminates."""
    return max(2.0, telling(check)) if isinstance(check, FeatureCheck) else telling(check)


def _margin(where: Mapping[str, Net]) -> float:
    """Prompts for a check over those against it, less one standard error of that by chance."""
    wins, losses = (sum(net[side] for net in where.values()) for side in (0, 1))
    return wins - losses - math.sqrt(wins + losses)


def _scope(
    check: Check, nets: Mapping[str, Net], sizes: Sizes, chosen: Sequence[str]
) -> dict[str, Net]:
    """The regions of a hypothesis, none where nothing speaks for it.

    Those that speak for it by themselves and belong together; all that were looked at, where the
    rest together speaks for it nearly as much.
    """
    level = LEAST_IN_ALL if graded(check) else LEAST_IN_REGION
    local = _where({r: nets[r] for r in chosen if r in nets and _speaks(nets[r], level)})
    rest = _sum([nets[r] for r in chosen if r in nets and r not in local])
    prompts = sum(sizes.prompts[region] for region in chosen if region not in local)
    most = max((_share(net) for net in local.values()), default=0.0)
    wide = prompts and (rest.wins - rest.losses) / prompts >= WIDE * most
    if wide and _speaks(rest, LEAST_IN_REGION):
        return {r: nets.get(r, Net(0, 0, sizes.prompts[r], 0.0)) for r in chosen}
    return local


def _where(nets: Mapping[str, Net]) -> dict[str, Net]:
    """Regions that belong together: a region where the contrast is far weaker than in the one that
    shows it most would only dilute the hypothesis."""
    most = max(map(_share, nets.values()), default=0.0)
    return {region: net for region, net in nets.items() if _share(net) >= BELONGS * most}


def _share(net: Net) -> float:
    return (net.wins - net.losses) / max(1, net.prompts)


def _sum(nets: Sequence[Net]) -> Net:
    wins, losses, prompts = (sum(net[place] for net in nets) for place in range(3))
    return Net(int(wins), int(losses), int(prompts), 0.0)


def _speaks(net: Net, level: float) -> bool:
    """Enough prompts for it, more than chance would give: a selection on the explore pool."""
    return net.wins - net.losses >= 2 and _by_chance(net.wins, net.losses) <= level


def _merged(
    scored: Iterable[Scored], relevant: Callable[[Check], Sequence[Pair]], most: int
) -> list[Found]:
    """Fold candidates that hold for the same texts into the strongest of them, up to `most`.

    Of a family the strongest stands for all in its regions; a feature beside a measure, though,
    which does not see what is rare. Of its longer forms a phrase takes the longest that still holds
    for most of its texts; up to two other phrases that add texts join it as alternatives.
    """
    groups: list[_Group] = []
    families: list[tuple[str | None, set[str]]] = []
    for _, where, check in scored:
        if len(groups) >= most:
            break
        own = family(check)
        if own and any(own == other and regions & set(where) for other, regions in families):
            continue
        shown = {id(p) for p in relevant(check) if p.region in where and pair_score(check, p) > 0}
        alike = [g for g in groups if g.check.absent == check.absent]
        same = next((g for g in alike if _same_behaviour(check, shown, g)), None)
        if same is not None:
            if isinstance(check, PhraseCheck) and isinstance(same.check, PhraseCheck):
                same.join(check.phrases[0], shown)
        elif not _explained(check, shown, alike):
            groups.append(_Group(check, where, shown))
            families.append((own, set(where)))
    return [(group.check, group.where) for group in groups]


@dataclass
class _Group:
    """A candidate with those folded into it: where it holds, and the pairs that show it."""

    check: Check
    where: dict[str, Net]
    shown: set[int]

    @property
    def phrases(self) -> tuple[str, ...]:
        return self.check.phrases if isinstance(self.check, PhraseCheck) else ()

    def join(self, phrase: str, shown: set[int]) -> None:
        """Take a phrase in: as a longer form of the first one, or as an alternative."""
        first, *others = self.phrases
        if f" {first} " in f" {phrase} ":
            if len(shown) >= LONGER_FORM * len(self.shown):
                self.check = PhraseCheck(phrases=(phrase, *others), absent=self.check.absent)
        elif not any(f" {phrase} " in f" {known} " for known in self.phrases):
            new = shown - self.shown
            if len(self.phrases) < 3 and len(new) >= 0.1 * len(self.shown):
                phrases = (*self.phrases, phrase)
                self.check = PhraseCheck(phrases=phrases, absent=self.check.absent)
                self.shown |= shown


def _named(found: Sequence[Found], pairs: Sequence[Pair]) -> list[Found]:
    """Kinds of texts with the phrases that tell them from the others, the direction with the pair
    that lies furthest along it, from the first word that differs."""

    def name(check: TextsCheck) -> TextsCheck:
        texts = [at for pair in pairs for at in pair.sides]
        own = [at.text for at in texts if at.placed and at.placed.kind == check.texts]
        rest = [at.text for at in texts if at.placed and at.placed.kind != check.texts]
        return replace(check, name=tuple(distinctive(own, rest, NAMES_OF_KIND)))

    def apart(pair: Pair) -> float:
        if pair.base_placed is None or pair.intervention_placed is None:
            return -math.inf
        return pair.intervention_placed.along - pair.base_placed.along

    def ends(check: DirectionCheck) -> DirectionCheck:
        far = max(pairs, key=apart)
        texts = [text.split() for text in (far.intervention, far.base)]
        parted = next((n for n, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), 0)
        quoted = [" ".join(words[parted:][:QUOTED_WORDS])[:QUOTED_LETTERS] for words in texts]
        return replace(check, towards=quoted[0], away=quoted[1])

    named: list[Found] = []
    for check, where in found:
        if isinstance(check, TextsCheck):
            check = name(check)
        elif isinstance(check, DirectionCheck):
            check = ends(check)
        named.append((check, where))
    return named


def _with_unions(found: Sequence[Found], pairs: Sequence[Pair], sizes: Sizes) -> list[Found]:
    """Beside each region's weak phrases, all that the base never says, one hypothesis that any of
    them is said: a behaviour that words itself in many ways shows in none of them often."""

    def never_said(check: Check) -> bool:
        return not any(holds(check, pair.base) for pair in pairs)

    weak: dict[str, list[str]] = defaultdict(list)
    for check, where in found:
        if isinstance(check, PhraseCheck) and not check.absent and len(where) == 1:
            ((region, net),) = where.items()
            if net.wins < WEAK and net.losses == 0 and never_said(check):
                weak[region] += check.phrases
    unions: list[Found] = []
    for region, phrases in weak.items():
        union = PhraseCheck(phrases=tuple(phrases[:UNION]))
        if len(phrases) > 1:
            nets = region_nets(union, [pair for pair in pairs if pair.region == region], sizes)
            unions.append((union, nets))
    return [*found, *unions]


def _same_behaviour(check: Check, shown: set[int], group: _Group) -> bool:
    """Whether a check holds for the texts of a group, or is a plainer or longer form of its phrase.

    A feature that many texts share (short ones, say) must not swallow a phrase that some have.
    Graded checks are told apart by their families: each has most texts on one side or the other.
    """
    both, known = len(shown & group.shown), group.shown
    if graded(check) or graded(group.check):
        return False
    if check.kind != group.check.kind:
        return both >= EXPLAINED * len(shown | known)
    if both >= SAME_TEXTS * len(shown | known):
        return True
    if not isinstance(check, PhraseCheck) or both < EXPLAINED * len(shown):
        return False
    plainer = telling(check) <= telling(group.check)
    return plainer or bool(content_words(check.phrases) & content_words(group.phrases))


def content_words(phrases: Sequence[str]) -> set[str]:
    """The words of phrases but for those that most texts have."""
    return {word for phrase in phrases for word in phrase.split()} - common_words()


def said_by(check: Check) -> Sequence[str]:
    """The words of a check that says something; nothing of others."""
    if isinstance(check, EntailedCheck):
        return [check.statement]
    if isinstance(check, FeatureCheck):
        return [FEATURES[check.feature].one]
    return check.phrases if isinstance(check, PhraseCheck) else []


def _explained(check: Check, shown: set[int], groups: Sequence[_Group]) -> bool:
    """Whether phrases found before leave nothing new to one word that several of them share."""
    if not isinstance(check, PhraseCheck) or " " in check.phrases[0]:
        return False
    known = set[int]().union(*(group.shown for group in groups if group.phrases))
    return len(shown & known) >= EXPLAINED * len(shown)
