"""Language models as the judges of a confirm pool: who reads how many prompts, fixed before any is
judged, and what several judges say.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from scripts.assistants.client import BudgetSpent, Pool
from scripts.assistants.judge import MAJORITY, Majority, ModelJudge, pairs_by_prompt
from scripts.assistants.placebos import placebos_by_region
from scripts.assistants.roles import ConfirmRoles, Role
from scripts.core.job import log
from scripts.evidence.cascade import Escalate
from scripts.evidence.judge_split import SPLITS, STRONG_ALONE, choose
from scripts.evidence.judge_split import Judges as Assumed
from scripts.evidence.race import Delta
from scripts.evidence.reasons import Stop
from scripts.hypotheses.finding import Finding
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.judgement import Judgement
from scripts.hypotheses.pairs import Pair
from scripts.hypotheses.probe import Probe
from scripts.judging.calibration import UNKNOWN, Calibration
from scripts.judging.confirmation import confirm, rates_of
from scripts.judging.findings import untested
from scripts.judging.missing import Missing
from scripts.judging.panel import NO_PANEL, PanelReport, read_by_others, report_of, with_judges
from scripts.judging.probing import Probed, explored_half, unpaid, untested_probe
from scripts.judging.schedule import Judges, judging_order
from scripts.judging.settings import ClaimSettings
from scripts.prompts.region import Region


def confirm_with_models(
    pool: Pool,
    roles: ConfirmRoles,
    hypotheses: Sequence[Hypothesis],
    pairs: Sequence[Pair],
    texts: Mapping[str, str],
    regions: Mapping[str, Region],
    settings: ClaimSettings,
    missing: Missing | None = None,
    written: tuple[Sequence[Probe], Sequence[Pair]] = ((), ()),
    calibration: Calibration = UNKNOWN,
) -> tuple[list[Finding], list[Judgement], PanelReport]:
    """As `confirm`, judged by language models; without budget for placebos, all are untested. With
    several judges also how far they agree.

    written: probes, and the pairs of all their prompts.
    calibration: what the screen says of the judges. By it the races are made (their delta, where it
    is `auto`, and who reads how many prompts), before any confirm prompt is judged.
    """
    seed = settings["seed"]
    probes, of_probes = written
    probed = _probed(pool, roles.cheap, probes, of_probes, texts, settings)
    racing = [h for h in hypotheses if not h.beyond]
    tested = racing + [p.hypothesis for p in probed if p.goes_on]
    try:
        placebos = placebos_by_region(pool, roles.cheap, tested, settings["placebos"], seed)
    except BudgetSpent:
        findings = [untested(h, regions, h.beyond or Stop.BUDGET) for h in hypotheses]
        findings += [untested_probe(p) for p in probed]
        return findings, [], NO_PANEL
    by_prompt = pairs_by_prompt(pairs)
    most = Counter(of_prompt[0].region for of_prompt in by_prompt.values()).values()
    delta = calibration.deltas(settings["delta"], max(most, default=0))
    K = len(tested) + (missing is not None)
    share, samples = _share(roles, racing, by_prompt, settings, calibration.simulated(), delta, K)
    read = {prompt: of_prompt[:samples] for prompt, of_prompt in by_prompt.items()}
    read |= pairs_by_prompt(of_probes)
    majority = roles.panel is not None and roles.panel.decide == "majority"

    def judge_of(role: Role) -> ModelJudge:
        drawn_by = MAJORITY if majority and role in roles.judges else None
        return ModelJudge(pool, role, tested, placebos, read, texts, seed, drawn_by)

    first, *others = map(judge_of, roles.judges)
    strong = Majority([first, *others]) if majority else first
    escalate: Escalate = "band" if roles.escalate == "band" else "borderline"
    rates = rates_of(roles.rate_prompts)
    judges = Judges(judge_of(roles.cheap), strong, share, escalate, delta, rates)
    findings, judgements = confirm(
        hypotheses, {}, pairs, regions, settings, judges, missing, probed
    )
    if roles.panel is None:
        return findings, judgements, NO_PANEL
    unread = 0
    if isinstance(strong, Majority):
        judgements += strong.own
    else:
        of_first = [judgement for judgement in judgements if judgement.judge == first.title]
        more, unread = read_by_others(others, of_first, roles.panel.share, seed)
        judgements += more
    by_hypothesis: dict[str, list[Judgement]] = defaultdict(list)
    for judgement in judgements:
        by_hypothesis[judgement.hypothesis].append(judgement)
    titles = [role.title for role in roles.judges]
    findings = [with_judges(finding, titles, by_hypothesis) for finding in findings]
    return findings, judgements, report_of(roles.judges, roles.panel, judgements, unread)


def _probed(
    pool: Pool,
    role: Role,
    probes: Sequence[Probe],
    pairs: Sequence[Pair],
    texts: Mapping[str, str],
    settings: ClaimSettings,
) -> list[Probed]:
    """As `probed_locally`, read by a model, in the budget of the assistant."""
    seed, of_prompt = settings["seed"], pairs_by_prompt(pairs)
    reader = ModelJudge(pool, role, [p.hypothesis for p in probes], {}, of_prompt, texts, seed)
    try:
        return explored_half(probes, pairs, reader, seed, settings.get("least_net", 1))
    except BudgetSpent:
        return unpaid(probes)


def _share(
    roles: ConfirmRoles,
    hypotheses: Sequence[Hypothesis],
    pairs: Mapping[str, Sequence[Pair]],
    settings: ClaimSettings,
    judges: Assumed,
    delta: tuple[Delta, Delta],
    K: int,
) -> tuple[dict[str, int], int]:
    """How many prompts of each region the cheap model reads before the strong one goes on, and how
    many pairs of each prompt either reads, fixed before any is judged. What `auto` simulates is the
    race that follows."""
    by_region: dict[str, list[str]] = defaultdict(list)
    for prompt, of_prompt in pairs.items():
        by_region[of_prompt[0].region].append(prompt)
    prompts = {region: len(of_region) for region, of_region in by_region.items()}
    samples = max((len(of_prompt) for of_prompt in pairs.values()), default=1)
    none = dict.fromkeys(prompts, 0)
    by_first = roles.panel is None or roles.panel.decide == "first"
    alone = by_first and roles.cheap.same_as(roles.judges[0])
    alone = alone or roles.escalate == "never"
    if alone and samples == 1:
        return none, samples
    if roles.escalate == "band" and not alone:
        return {region: 2 * count // 3 for region, count in prompts.items()}, samples
    lined_up = {h.id: [r for r in h.regions if r in prompts] for h in hypotheses}
    lined_up = {name: of_one for name, of_one in lined_up.items() if of_one}
    in_order = {r: judging_order(own, settings["seed"]) for r, own in by_region.items()}
    assumed = judges._replace(
        price_ratio=roles.price_ratio * (1 if by_first else len(roles.judges)),
        samples={r: [len(pairs[prompt]) for prompt in own] for r, own in in_order.items()},
        delta=delta,
        hypotheses=K,
        rates=rates_of(roles.rate_prompts),
    )
    shares = STRONG_ALONE if alone else SPLITS
    split = choose(
        lined_up, prompts, assumed, q=settings["q"], seed=settings["seed"], shares=shares
    )
    log.info(
        "the cheap model reads %s of the prompts, %d pairs of each", split.share, split.samples
    )
    return none | split.share, split.samples
