"""Audits of real subjects: what they name, and both protocols side by side."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from sklearn.metrics import adjusted_rand_score, silhouette_score

from scripts.benchmark.audit import requests_of
from scripts.benchmark.planted import Behaviour
from scripts.benchmark.rows import (
    AuditFiles,
    BothProtocols,
    Clusters,
    ExhaustiveRun,
    Protocol,
    RealAudit,
    Recall,
)
from scripts.benchmark.scoring import score_real
from scripts.benchmark.simulated import share
from scripts.benchmark.suite import Suite, read_suite
from scripts.checks.check import Check, by_place, check_of
from scripts.core.arrays import read_array
from scripts.core.files import read_json
from scripts.core.ledger import Ledger
from scripts.core.rows import read_document, read_rows
from scripts.core.vocabulary import SIDES
from scripts.divergence.clusters import assign
from scripts.divergence.measurement import near_own, region_centres
from scripts.draws.draw import SHORT, Draw, PlannedDraw
from scripts.draws.vectors import Vectors
from scripts.evidence.reasons import Status
from scripts.evidence.request_counts import requests as asked_in
from scripts.hypotheses.finding import Finding
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.page.audit_summary import AuditSummary
from scripts.page.costs import Costs
from scripts.prompts.pools import DealtPrompt

COMMON = 3000  # texts on which two clusterings are compared


def seconds(ledgers: Iterable[Ledger], stage: str) -> float:
    """Wall seconds of a stage as from empty caches."""
    return sum(e.wall_seconds + e.saved_seconds for e in ledgers if e.stage == stage)


def both_protocols(
    files: AuditFiles,
    truths: Mapping[str, Sequence[str]],
    behaviours: Mapping[str, Behaviour],
) -> BothProtocols:
    """One audit of real subjects by both protocols: what each took, found and clustered."""
    suite = read_suite(
        files["bank"], files["regions"], files["prompts"],
        {"base": files["base"], "intervention": files["intervention"]},
        {"base": files["vectors_base"], "intervention": files["vectors_intervention"]},
    )  # fmt: skip
    planted = planted_on(suite, truths, behaviours)
    done: ExhaustiveRun = read_json(files["exhaustive"])
    ledgers = [read_document(path, Ledger) for path in files["ledgers"]]
    exhaustive: Protocol = {
        "texts": done["texts"],
        "tokens": sum(e.tokens + e.saved_tokens for e in ledgers),
        "decode_seconds": seconds(ledgers, "decode"),
        "embed_seconds": seconds(ledgers, "embed"),
        "cluster_seconds": done["cluster_seconds"],
        "assistant_seconds": done["assistant_seconds"],
        "calls": done["judge_calls"] + done["label_calls"],
        "peak_mib": max(e.peak_mib for e in ledgers),
        **found_by(
            [
                (check_of(f["check"]), {region["id"] for region in f["regions"]})
                for f in done["findings"]
                if f["significant"]
            ],
            planted,
            suite,
        ),
    }
    costs = read_document(files["costs"], Costs)
    audit = read_document(files["audit"], AuditSummary)
    settings = audit.config["audit"]
    findings = read_rows(files["findings"], Finding)
    stages = {name: cost.full for name, cost in costs.stages.items()}
    active: Protocol = {
        "texts": audit.counts.draws,
        "tokens": stages["decode"].tokens,
        "decode_seconds": stages["decode"].wall_seconds,
        "embed_seconds": stages["embed"].wall_seconds,
        "cluster_seconds": stages["measure"].wall_seconds,
        "assistant_seconds": sum(stages[s].wall_seconds for s in ("propose", "screen", "confirm")),
        "calls": calls_of(files, findings, settings["propose"]["regions"], settings["seed"]),
        "peak_mib": max(read_document(path, Ledger).peak_mib for path in files["active_ledgers"]),
        **found_by(
            [
                (f.check, {region.id for region in f.regions})
                for f in findings
                if f.status == Status.VALIDATED and f.check
            ],
            planted,
            suite,
        ),
    }
    for protocol in (exhaustive, active):
        parts = (
            protocol["decode_seconds"], protocol["embed_seconds"], protocol["cluster_seconds"],
            protocol["assistant_seconds"],
        )  # fmt: skip
        protocol["wall_seconds"] = round(sum(parts), 1)
    clusters = compare_clusters(suite, files)
    return {
        "exhaustive": exhaustive,
        "active": active,
        "ratios": {
            name: round(exhaustive[name] / active[name], 2)
            for name in ("texts", "tokens", "calls", "wall_seconds", "decode_seconds",
                         "embed_seconds", "cluster_seconds", "assistant_seconds", "peak_mib")
            if active[name]
        },
        **clusters,
    }  # fmt: skip


def planted_on(
    suite: Suite, truths: Mapping[str, Sequence[str]], behaviours: Mapping[str, Behaviour]
) -> list[tuple[Behaviour, set[int]]]:
    """Each planted behaviour with the places of its prompts; no topics are all topics."""
    return [
        (behaviours[name], {p for p, t in enumerate(suite.topics) if not topics or t in topics})
        for name, topics in truths.items()
    ]


def found_by(
    findings: Sequence[tuple[Check, set[str]]],
    planted: list[tuple[Behaviour, set[int]]],
    suite: Suite,
) -> Recall:
    """Recall over the planted behaviours and precision of the findings, each a check with its
    regions; those on where whole texts lie are counted apart, since a text alone does not say
    that."""
    scored = [finding for finding in findings if not by_place(finding[0])]
    scores = [score_real(*finding, planted, suite) for finding in scored]
    named = {name for score in scores for name in score.names}
    return {
        "validated": len(findings),
        "not_scored": len(findings) - len(scored),
        "recall": round(len(named) / len(planted), 4) if planted else None,
        "precision": share(bool(score.names) or score.true for score in scores),
        "missed": sorted({b.name for b, _ in planted} - named),
    }


def calls_of(files: AuditFiles, findings: Sequence[Finding], looked_at: int, seed: int) -> int:
    """Requests of an active audit: one a region that is looked at, and pairs judged with up to
    ten hypotheses each."""
    proposals = min(looked_at, len(read_json(files["regions"])["regions"]))
    in_region: dict[str, int] = defaultdict(int)
    for hypothesis in read_rows(files["screened"], Hypothesis):
        for region in hypothesis.regions + hypothesis.dropped_regions:
            in_region[region] += 1
    screening = sum(
        asked_in(in_region[draw.region]) for draw in read_rows(files["screen"], PlannedDraw)
    )
    return (
        proposals
        + screening
        + requests_of(findings, read_rows(files["confirm"], PlannedDraw), seed)
    )


def compare_clusters(suite: Suite, files: AuditFiles) -> Clusters:
    """Clusters from the active audit's texts against those from all texts, on a common sample."""
    every = np.concatenate([
        suite.vectors[s].reshape(-1, suite.vectors[s].shape[-1]) for s in SIDES
    ]).astype(np.float32)  # fmt: skip
    regions = np.array([r for _ in SIDES for r in suite.region for _ in range(suite.samples)])
    own = np.unique(regions, return_inverse=True)[1]
    sample = np.random.default_rng(0).permutation(len(every))[:COMMON]
    region_of = {name[:SHORT]: r for name, r in zip(suite.ids, suite.region, strict=True)}
    drawn = Vectors.read(*files["active_vectors"])
    where = np.array([region_of[Draw.parse(name).prompt] for name in drawn.draws])
    ten_starts = assign([every[sample]], read_array(files["centroids"], "centroid")).labels

    def labels(centres):
        return near_own(every[sample], own[sample], centres).labels

    def quality(found):
        return float(silhouette_score(every[sample], found))

    active = labels(region_centres(drawn.vectors, where))
    whole = labels(region_centres(every, regions))
    return {
        "ari": round(float(adjusted_rand_score(whole, active)), 4),
        "ari_k_means": round(float(adjusted_rand_score(ten_starts, active)), 4),
        "silhouette_active": round(quality(active), 4),
        "silhouette_exhaustive": round(quality(whole), 4),
        "silhouette_share": round(quality(active) / quality(whole), 4),
        "silhouette_share_k_means": round(quality(active) / quality(ten_starts), 4),
    }


def audited(
    files: AuditFiles,
    truths: Mapping[str, Sequence[str]],
    behaviours: Mapping[str, Behaviour],
) -> RealAudit:
    """One active audit: what was planted, what it names, and its texts; those of the confirm pool
    beside as many as every confirm prompt with all samples would take."""
    findings = read_rows(files["findings"], Finding)
    validated = [f for f in findings if f.status == Status.VALIDATED]
    audit = read_document(files["audit"], AuditSummary)
    names = named_in(validated, truths, behaviours)
    pools = [prompt.pool for prompt in read_rows(files["prompts"], DealtPrompt)]
    return {
        "planted": len(truths),
        "named": len(names),
        "names": names,
        "validated": len(validated),
        "texts": audit.counts.draws,
        "confirm_texts": audit.counts.draws_by_pool.get("confirm", 0),
        "confirm_texts_unfiltered": 2
        * pools.count("confirm")
        * audit.config["audit"]["confirm"]["samples"],
    }


def named_in(
    findings: Sequence[Finding],
    truths: Mapping[str, Sequence[str]],
    behaviours: Mapping[str, Behaviour],
) -> list[str]:
    """Behaviours that an audit without an exhaustive run names: most quoted evidence of a validated
    finding shows the behaviour in the intervention's text and not in the base's."""
    named = set()
    for finding in findings:
        categories = {region.category for region in finding.regions}
        for name, topics in truths.items():
            if topics and not categories & set(topics):
                continue
            shows = behaviours[name].shows
            pairs = finding.evidence
            proof = sum(shows(p.intervention) and not shows(p.base) for p in pairs)
            if pairs and proof > len(pairs) / 2:
                named.add(name)
    return sorted(named)


def warm_ratio(ledgers: Iterable[Ledger]) -> float | None:
    """Seconds as from empty over seconds spent, of jobs that found everything in the cache."""
    warm = [e for e in ledgers if e.cache_hits and not e.cache_misses]
    spent = sum(e.wall_seconds for e in warm)
    return round(1 + sum(e.saved_seconds for e in warm) / spent, 2) if spent else None
