"""Write what an audit leaves behind: tables for machines, and a page that a person reads."""

import platform
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Literal

import numpy as np
import psutil
from pydantic import with_config
from typing_extensions import TypedDict

from scripts.assistants.interactions import join, told
from scripts.assistants.usage import Usage, notices_of_replies
from scripts.checks.check import TextsCheck
from scripts.core.files import replacing
from scripts.core.job import Job, Named, log, run
from scripts.core.ledger import Ledger
from scripts.core.rows import (
    iterate_rows,
    read_document,
    read_rows,
    write_document,
    write_rows,
)
from scripts.core.settings import SETTINGS
from scripts.core.version import commit
from scripts.core.vocabulary import SIDES
from scripts.divergence.contrast import Contrast
from scripts.divergence.explored import ExploredTexts
from scripts.divergence.round import ReportedRound, Round
from scripts.divergence.space import Space
from scripts.draws.draw import Draw, PlannedDraw
from scripts.draws.generation import Generation
from scripts.draws.vectors import Vectors
from scripts.evidence.race import Sought
from scripts.evidence.reasons import LEFT_OUT, Status
from scripts.hypotheses.drawn_pairs import read_pairs
from scripts.hypotheses.finding import Behaviour, Behaviours, Finding, Themes
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.judgement import Judgement
from scripts.hypotheses.similarity import Similarities
from scripts.hypotheses.writing import Writing
from scripts.judging.calibration import Calibration
from scripts.judging.panel import PanelReport
from scripts.judging.screening import confirm_prompts
from scripts.judging.separability import Separability
from scripts.models.plant_file import planted_in
from scripts.page.audit_summary import (
    AuditedConfig,
    AuditSummary,
    Counts,
    Hardware,
    JudgeOfAudit,
    KeyedStage,
    SoughtEffect,
)
from scripts.page.cards import entries
from scripts.page.costs import costs_of
from scripts.page.figures import Point, figures
from scripts.page.findings_table import FindingRow, write_table
from scripts.page.judges import notices_of_judges
from scripts.page.notices import Answered, notice_of_thoughts, notices_of_texts
from scripts.page.page import arithmetic_notice, render
from scripts.page.recovery import recovered
from scripts.page.section import Report
from scripts.page.servers import notices_of_servers
from scripts.page.signal import Smallest, smallest_effects
from scripts.page.text_kinds import Explored, kinds_of_texts
from scripts.prompts.pools import DealtPrompt
from scripts.prompts.prompt import Prompt, prompt_of
from scripts.prompts.region import (
    ExploredRegion,
    ExploredRegions,
    Region,
    RegionDivergence,
    Regions,
)
from scripts.recordings.bank import BankReport


@with_config(SETTINGS)
class ReportSettings(TypedDict):
    """Of the report stage."""

    audit: str
    config: AuditedConfig
    """Without what no key contains."""
    map_texts: int
    null: bool
    words: dict[str, list[tuple[str, str | None]]]
    """Each subject in (phrase, what it names) pairs."""


@with_config(SETTINGS)
class ReportPlace(TypedDict):
    """What the page and audit.json say, places and all."""

    config: AuditedConfig
    words: dict[str, list[tuple[str, str | None]]]
    plants: list[str]
    """Files of what the intervention was trained to show."""


FEW_TEXTS = 8  # on a map, for which t-SNE is no use
PACKAGES = (
    "snakemake", "torch", "transformers", "sentence-transformers", "peft", "scikit-learn",
    "scipy", "numpy", "h5py", "bitsandbytes",
)  # fmt: skip


def counts(
    rounds: Sequence[Round], pool_plans: Mapping[str, int], findings: Sequence[Finding],
    screened: Sequence[Hypothesis], behaviours: Sequence[Behaviour] = (),
) -> Counts:  # fmt: skip
    """Counts of draws by pool and side, hypotheses, behaviours and statuses."""
    explore = rounds[-1].draws
    of_side = explore + sum(pool_plans.values())
    statuses = Counter(finding.status for finding in findings)
    return Counts(
        draws=2 * of_side,
        draws_base=of_side,
        draws_intervention=of_side,
        draws_by_pool={"explore": 2 * explore, **{p: 2 * n for p, n in pool_plans.items()}},
        rounds=len(rounds),
        proposed=len(screened),
        hypotheses=sum(finding.stopped not in LEFT_OUT for finding in findings),
        tested=len(findings) - statuses[Status.UNTESTED],
        behaviours=len(behaviours),
        **{status.value: statuses[status] for status in Status},
    )


def reported(row: Round, ledgers: Sequence[Ledger]) -> ReportedRound:
    """A line of rounds.jsonl: what a round drew and saw; tokens and seconds as from empty."""
    decode = [entry for entry in ledgers if entry.stage == "decode"]
    seconds = sum(entry.wall_seconds + entry.saved_seconds for entry in ledgers)
    return ReportedRound(
        **asdict(row),
        tokens=sum(entry.tokens + entry.saved_tokens for entry in decode),
        seconds=round(seconds, 2),
    )


def computed_in(ledgers: Iterable[Ledger]) -> dict[str, dict[str, int]]:
    """In which arithmetic each side's texts were decoded, and how many in each; nothing for texts
    that a server or a file gave."""
    found: dict[str, Counter[str]] = {"base": Counter(), "intervention": Counter()}
    for ledger in ledgers:
        if ledger.stage == "decode" and ledger.side:
            found[ledger.side].update(ledger.arithmetic)
    return {side: dict(sorted(of_side.items())) for side, of_side in found.items()}


def hardware() -> Hardware:
    """The machine that wrote the report, without its name."""
    return Hardware(
        processor=platform.machine(),
        cores=psutil.cpu_count(logical=True),
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        system=platform.system(),
    )


def versions() -> dict[str, str]:
    """Versions of Python, the packages that matter and this workflow's commit."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    code = commit()
    return found | ({"commit": str(code)} if code else {})


def read_explored(files: Named) -> tuple[Explored, np.ndarray]:
    """The explored texts of both sides, the base's first, from the rule's named inputs; and the
    score of each, of a classifier that has not seen its prompt."""
    drawn = Vectors.read(*files.vectors_base, *files.vectors_intervention)
    placed = ExploredTexts.read(files.texts)
    columns = zip(placed.regions, placed.kinds, placed.scores, strict=True)
    known = dict(zip(placed.draws, columns, strict=True))
    texts: dict[str, str] = {}
    for path in [*files.base, *files.intervention]:
        texts |= {said.draw: said.text or "" for said in iterate_rows(path, Generation)}
    region, kind, score = zip(*(known[draw] for draw in drawn.draws), strict=True)
    explored = Explored(
        [Draw.parse(draw).side for draw in drawn.draws],
        list(region),
        np.array(kind),
        [texts[draw] for draw in drawn.draws],
        drawn.vectors,
    )
    return explored, np.array(score)


def text_map(explored: Explored, scores: np.ndarray, most: int) -> list[Point]:
    """Texts with 2-D coordinates (t-SNE of embeddings, of few texts their first components), side,
    region, divergence score and text."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    rng = np.random.default_rng(0)
    # both texts of a draw or neither: choose among the draws of one side
    of_side = len(explored.text) // 2
    chosen = np.sort(rng.permutation(of_side)[: most // 2])
    rows = np.concatenate([chosen, chosen + of_side])
    vectors = explored.vectors[rows]
    points = PCA(min(50, *vectors.shape), random_state=0).fit_transform(vectors)
    placed = np.pad(points, ((0, 0), (0, 2)))[:, :2]  # of a few texts, which have no neighbours
    if len(rows) > FEW_TEXTS:
        perplexity = max(2, min(30, len(rows) // 4))
        placed = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(points)
    return [
        Point(
            x=round(float(x), 2),
            y=round(float(y), 2),
            side=explored.side[row],
            region=explored.region[row],
            score=round(float(scores[row]), 3),
            text=explored.text[row],
        )
        for row, (x, y) in zip(rows, placed, strict=True)
    ]


def answered(files: Named) -> list[Answered]:
    """The explored prompts, what was asked last in each, with both subjects' responses."""
    bank = iterate_rows(files.prompts, Prompt)
    asked = {prompt.id: prompt.messages[-1]["content"] for prompt in bank}
    pairs = read_pairs(files.base, files.intervention)
    return [Answered(asked[prompt_of(pair.prompt)], pair.base, pair.intervention) for pair in pairs]


def thought(files: Named) -> dict[str, tuple[int, int]]:
    """By side how many explored replies came after a thought, and all."""
    found = {}
    for side in SIDES:
        said = [g for path in files[side] for g in iterate_rows(path, Generation)]
        found[side] = (sum(g.thoughts is not None for g in said), len(said))
    return found


def names_of_kinds(screened: Sequence[Hypothesis]) -> dict[int, Sequence[str]]:
    """How hypotheses have named kinds of texts."""
    checks = [row.check for row in screened]
    return {check.texts: check.name for check in checks if isinstance(check, TextsCheck)}


def planned_to_confirm(files: Named) -> list[PlannedDraw]:
    """The draws of the confirm pool."""
    plans = [path for path in files.plans if Path(path).stem == "confirm"]
    return [draw for path in plans for draw in read_rows(path, PlannedDraw)]


def effects(files: Named, counted: Counts, prompts: int, q: float) -> list[Smallest]:
    """The smallest effects that the confirm prompts could have shown, at a false discovery rate q.

    Of a region's pool at most `prompts` are drawn; prompts of a group count once.
    """
    drawn = {draw.unit_name: draw.region for draw in planned_to_confirm(files)}
    available = confirm_prompts(read_rows(files.pools, DealtPrompt), prompts)
    return smallest_effects(
        Counter(drawn.values()),
        available,
        counted.hypotheses,
        counted.validated,
        q,
    )


def explored_region(region: Region, measured: RegionDivergence) -> ExploredRegion:
    """A region with what was measured there, of the prompts drawn."""
    seen = asdict(measured)
    del seen["region"]
    return ExploredRegion(**asdict(region), prompts_drawn=seen.pop("prompts"), **seen)


def judges_of(
    calibration: Calibration, delta: float | Literal["auto"], planned: Iterable[PlannedDraw]
) -> list[JudgeOfAudit]:
    """The language models that judge, how right the screen found them, and the effect that their
    race sought. delta: as the audit's setting; planned: draws of the confirm pool."""
    prompts = Counter({draw.unit_name: draw.region for draw in planned}.values())
    sought = calibration.deltas(delta, max(prompts.values(), default=0))
    return [
        JudgeOfAudit(
            **asdict(judge),
            delta=SoughtEffect(**one._asdict()) if isinstance(one, Sought) else one,
        )
        for judge, one in zip(calibration.judges, sought, strict=False)
    ]


def main(job: Job) -> None:
    settings, place = job.settings(ReportSettings), job.local(ReportPlace)
    confirm = place["config"]["audit"]["confirm"]
    files, out = job.input, job.output
    findings, screened = read_rows(files.findings, Finding), read_rows(files.screened, Hypothesis)
    behaviours = read_document(files.behaviours, Behaviours)
    separability = read_document(files.separability, Separability)
    panel = read_document(files.panel, PanelReport)
    rounds = [read_document(path, Round) for path in files.rounds]
    measured = read_rows(files.divergence, RegionDivergence)
    divergence = {of_region.region: of_region for of_region in measured}
    cut = read_document(files.regions, Regions)
    regions = [explored_region(region, divergence[region.id]) for region in cut.regions]
    ledgers = [read_document(path, Ledger) for path in files.ledgers]
    left_out = Counter[str | None]()
    for ledger in ledgers:
        left_out[ledger.step] += ledger.left_out
    pools = {Path(path).stem: len(read_rows(path, PlannedDraw)) for path in files.plans}
    plans = {pool: planned - left_out[pool] for pool, planned in pools.items()}
    usage = [read_document(path, Usage) for path in files.usage]
    cost = costs_of(ledgers, job.params.call, usage)
    counted = counts(rounds, plans, findings, screened, behaviours.behaviours)
    similarities = read_document(files.similarities, Similarities)
    contrast = read_document(files.contrast, Contrast) if files.contrast else None
    planted = recovered(
        planted_in(place["plants"]),
        findings,
        read_rows(files.judgements, Judgement),
        read_pairs(files.confirmed_base, files.confirmed_intervention),
        similarities.scores,
    )
    audit = AuditSummary(
        audit=settings["audit"],
        null=settings["null"],
        key=job.wildcards.key,
        counts=counted,
        planted=planted,
        judges=judges_of(
            read_document(files.calibration, Calibration),
            confirm["delta"],
            planned_to_confirm(files),
        ),
        themes=read_document(files.themes, Themes).themes,
        bank=read_document(files.bank, BankReport),
        arithmetic=computed_in(ledgers),
        contrast=contrast,
        config=place["config"],
        keys=[KeyedStage(**node) for node in job.params.nodes],
        versions=versions(),
        hardware=hardware(),
    )
    by_round = [
        reported(row, [entry for entry in ledgers if entry.step == f"round-{row.round}"])
        for row in rounds
    ]
    first = [
        *(part.notice for part in audit.bank.written),
        *(contrast.notices if contrast else ()),
        cut.notice,
        notice_of_thoughts(thought(files), place["config"]["audit"]["of"]),
    ]
    notices = [notice for notice in first if notice]
    notices += notices_of_servers(ledgers)
    notices += notices_of_texts(answered(files))
    notices += notices_of_judges(panel, findings)
    for role, used in cost.total.full.roles.items():
        notices += notices_of_replies(role, used)
    log.info("%s", counted)
    for notice in (arithmetic_notice(audit.arithmetic), *notices):
        if notice:
            log.warning(notice)
    explored, scores = read_explored(files)
    points = text_map(explored, scores, settings["map_texts"])
    drawn = figures(
        regions,
        by_round,
        points,
        Path(out.figures),
        entries(behaviours.behaviours, findings),
        separability,
    )
    join(files.interactions, out.interactions)
    made = Report(
        audit,
        place["words"],
        findings,
        screened,
        regions,
        by_round,
        cost,
        points,
        drawn,
        behaviours.behaviours,
        separability,
        effects(files, counted, confirm["prompts"], confirm["q"]),
        kinds_of_texts(explored, Space.read(files.space), names_of_kinds(screened)),
        notices,
        contrast,
        panel,
        sum((read_document(path, Writing) for path in files.writing), Writing()),
        told(
            out.interactions, {quote.asked for f in findings for quote in f.evidence if quote.asked}
        ),
        planted,
        similarities,
    )
    write_document(out.audit, audit)
    write_rows(out.rounds, by_round)
    write_document(out.regions, ExploredRegions(regions))
    write_rows(out.findings, findings)
    with replacing(out.judgements) as temporary:
        shutil.copyfile(files.judgements, temporary)
    write_document(out.behaviours, behaviours)
    write_document(out.separability, separability)
    write_document(out.panel, panel)
    write_document(out.costs, cost)
    rows = [FindingRow.of(finding, behaviours.behaviours) for finding in findings]
    write_table(out.table, rows)
    with replacing(out.page) as temporary:
        Path(temporary).write_text(render(made), encoding="utf-8")


if __name__ == "__main__":
    run(main)
