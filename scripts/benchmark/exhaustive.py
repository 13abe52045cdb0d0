"""The exhaustive protocol, which active audits are compared with: label and judge every region.

Every prompt, all samples. The prompts of a region are split in two: on one half a label is written
(the strongest contrast of its texts), on the other half a fixed number of texts is judged one by
one, without the other side's text beside it. A one-sided Mann-Whitney test a region and BH at 5 %
over the regions decide; each label is judged once more on texts of all regions. The texts are
clustered by k-means. After Thibodeau et al. 2026 (arXiv 2605.05090), with this project's decoder,
embedder and assistant on both sides of the comparison.
"""

import time
from collections.abc import Sequence

import numpy as np
from scipy.stats import false_discovery_control, mannwhitneyu
from sklearn.metrics import roc_auc_score

from scripts.assistants.local import propose
from scripts.assistants.settings import LocalProposing
from scripts.benchmark.rows import ExhaustiveRun, Label
from scripts.benchmark.settings import ExhaustiveSettings
from scripts.benchmark.suite import Suite, suite_of
from scripts.checks.check import Check, content_of, strength
from scripts.core.arrays import write_arrays
from scripts.core.files import write_json
from scripts.core.job import Job, log, run
from scripts.core.randomness import hash_unit
from scripts.core.vocabulary import SIDES
from scripts.divergence.clusters import k_means
from scripts.hypotheses.pairs import Pair

JUDGED = 200  # texts of both sides that each label is judged on, and again on all regions
LEVEL = 0.05
K_MEANS_STARTS = 10


def pairs_of(suite: Suite, prompts: Sequence[int]) -> list[Pair]:
    """All pairs of texts of some prompts (their places in the bank)."""
    return [
        Pair(suite.ids[p], suite.region[p], base, intervention, asked=suite.asked_at(p))
        for p in prompts
        for base, intervention in zip(
            suite.texts["base"][p], suite.texts["intervention"][p], strict=True
        )
    ]


def judged(check: Check, pairs: Sequence[Pair], rng) -> tuple[float, float]:
    """AUC and one-sided p-value of a label on JUDGED texts, half of each side, judged singly."""
    chosen = rng.permutation(len(pairs))[: JUDGED // 2]
    base = [strength(check, pairs[i].sides[0]) for i in chosen]
    chosen = rng.permutation(len(pairs))[: JUDGED // 2]
    intervention = [strength(check, pairs[i].sides[1]) for i in chosen]
    sides = np.repeat([0, 1], [len(base), len(intervention)])
    scores = np.array([*base, *intervention], float)
    p = mannwhitneyu(intervention, base, alternative="greater").pvalue if np.ptp(scores) else 1.0
    return float(roc_auc_score(sides, scores)), float(p)


def label_and_judge(suite: Suite, settings: LocalProposing, seed: int) -> tuple[list[Label], int]:
    """One label a region with its evidence, and the number of judge calls (one text each)."""
    by_id = {region.id: region for region in suite.regions}
    rng = np.random.default_rng(seed)
    everything = pairs_of(suite, range(len(suite.ids)))
    rows: list[Label] = []
    calls = 0
    for region in suite.regions:
        inside = [p for p, r in enumerate(suite.region) if r == region.id]
        half = {p for p in inside if hash_unit("label", seed, suite.ids[p]) < 0.5}
        to_label, to_judge = (
            pairs_of(suite, [p for p in inside if (p in half) == first]) for first in (True, False)
        )
        found = propose(to_label, [region.id], by_id, {**settings, "hypotheses": 1})
        hypothesis = found[0] if found else None
        if hypothesis is None or hypothesis.check is None or not to_judge:
            continue
        check = hypothesis.check
        auc, p = judged(check, to_judge, rng)
        everywhere, _ = judged(check, everything, rng)
        calls += 2 * JUDGED
        rows.append(
            {
                "statement": hypothesis.statement,
                "check": content_of(check),
                "regions": [{"id": region.id, "name": region.name}],
                "auc": round(auc, 4),
                "auc_everywhere": round(everywhere, 4),
                "p": p,
            }
        )
    adjusted = false_discovery_control([row["p"] for row in rows]) if rows else []
    for row, value in zip(rows, adjusted, strict=True):
        row["significant"] = bool(value <= LEVEL and row["auc"] > 0.5)
    return rows, calls


def main(job: Job) -> None:
    settings = job.settings(ExhaustiveSettings)
    suite = suite_of(job.input)
    vectors = [suite.vectors[s].reshape(-1, suite.vectors[s].shape[-1]) for s in SIDES]
    began = time.monotonic()
    centres = k_means(vectors, len(suite.regions), K_MEANS_STARTS, seed=0)
    cluster_seconds = time.monotonic() - began
    began = time.monotonic()
    rows, calls = label_and_judge(suite, settings["propose"], settings["seed"])
    texts = sum(len(of_prompt) for side in SIDES for of_prompt in suite.texts[side])
    write_arrays(job.output.centroids, centroid=centres)
    done = ExhaustiveRun(
        schema=1,
        findings=rows,
        judge_calls=calls,
        label_calls=len(suite.regions),
        texts=texts,
        cluster_seconds=round(cluster_seconds, 2),
        assistant_seconds=round(time.monotonic() - began, 2),
    )
    write_json(job.output.exhaustive, done)
    log.info("%d labels, %d significant", len(rows), sum(row["significant"] for row in rows))


if __name__ == "__main__":
    run(main)
