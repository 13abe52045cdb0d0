"""Cut the prompt bank into regions (strata with known weights) and pools.

Both move little when a prompt comes or goes: pools and orders are hashes of prompts, centroids are
fitted on hash-chosen prompts, and k-means starts from draws whose noise is keyed by the prompt.
"""

import math
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from pydantic import with_config
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from scripts.checks.words import grams, has_words, shown_phrase
from scripts.core.errors import AuditError
from scripts.core.job import Job, log, run
from scripts.core.randomness import hash_generator, hash_unit
from scripts.core.rows import read_rows, write_document, write_rows
from scripts.core.settings import SETTINGS
from scripts.divergence.clusters import assign, steps_from
from scripts.models.encoder import embed_in_job
from scripts.models.settings import EmbedSettings
from scripts.prompts.pools import DealtPrompt, draw_rows, prompt_rows
from scripts.prompts.prompt import NAMING_WORDS, Prompt, region_count
from scripts.prompts.region import Region, Regions
from scripts.prompts.settings import CountedCut, CutSettings

OTHER = "other"
NAMED_MERGED = 5  # categories without a region of their own that a notice names
LONGEST_NAME = 36  # characters of a prompt that names a region
LONGEST_LETTERS = 4  # of a name in a script without blanks between words
STEPS = 300  # of k-means at most; it converges sooner


@with_config(SETTINGS)
class RegionsSettings(CutSettings, EmbedSettings):
    """Of the stage, which embeds the bank, too."""


def first_centres(vectors: np.ndarray, ids: Sequence[str], count: int, seed: int) -> np.ndarray:
    """Greedy k-means++ centres (Arthur & Vassilvitskii 2007) whose randomness belongs to prompts.

    Candidates for the next centre are drawn with probability proportional to the squared distance
    to the nearest one, by the Gumbel-max trick with noise keyed by (seed, prompt, step), and the
    candidate that lowers the inertia most is taken: a prompt more or less leaves the other draws
    as they were. vectors (n, d) -> (count, d).
    """
    trials = 2 + int(math.log(count))
    noise = np.array([hash_generator("centre", seed, i).gumbel(size=count) for i in ids])
    chosen = [int(np.argmax(noise[:, 0]))]
    squares = (vectors**2).sum(axis=1)

    def distances(places):
        products = vectors[places] @ vectors.T
        return np.maximum(squares + squares[places, None] - 2 * products, 0)

    nearest = distances(chosen)[0]
    for step in range(1, count):
        with np.errstate(divide="ignore"):
            candidates = np.argsort(-(np.log(nearest) + noise[:, step]))[:trials]
        lowered = np.minimum(nearest, distances(candidates))
        best = int(np.argmin(lowered.sum(axis=1)))
        chosen.append(int(candidates[best]))
        nearest = lowered[best]
    return vectors[chosen]


def cluster_prompts(
    vectors: np.ndarray, ids: Sequence[str], settings: CountedCut, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """k-means labels of all prompts (n,) and centroids (count, d).

    Raises AuditError when fewer prompts are chosen for the fit than there are regions.
    """
    share = min(1.0, settings["fit_prompts"] / len(ids))
    fitted = [i for i, name in enumerate(ids) if hash_unit("fit", seed, name) < share]
    fitted.sort(key=lambda i: ids[i])
    points, names = vectors[fitted], [ids[i] for i in fitted]
    count = settings["count"]
    if len(fitted) < count:
        raise AuditError(
            f"`regions.fit_prompts` leaves {len(fitted)} prompts to fit {count} regions on; "
            "raise it, or lower `regions.count`"
        )
    best = min(
        (
            steps_from(points, first_centres(points, names, count, 1000 * seed + start), STEPS)
            for start in range(settings["starts"])
        ),
        key=lambda fit: fit.inertia_,
    )
    return assign([vectors], best.cluster_centers_).labels, best.cluster_centers_


def without_small(labels: np.ndarray, vectors: np.ndarray, least: int) -> np.ndarray:
    """The labels (n,), the smallest cluster joined to the one with the nearest centre until each
    has at least so many prompts, or is the only one; of vectors (n, d)."""
    labels = np.unique(labels, return_inverse=True)[1]
    while (sizes := np.bincount(labels)).min() < least and len(sizes) > 1:
        small = int(np.argmin(sizes))
        centres = np.stack([vectors[labels == region].mean(axis=0) for region in range(len(sizes))])
        distances = ((centres - centres[small]) ** 2).sum(axis=1)
        distances[small] = np.inf
        labels = np.where(labels == small, int(np.argmin(distances)), labels)
        labels = np.unique(labels, return_inverse=True)[1]
    return labels


def merged(prompts: Sequence[Prompt], regions: Sequence[Region], method: str) -> str | None:
    """Which categories have no region of their own, as a sentence; None where all have."""
    if method != "category":
        return None
    named = {region.name for region in regions}
    counts = Counter(p.category for p in prompts if p.category and p.category not in named)
    without = sum(not p.category for p in prompts)
    if not counts and not without:
        return None
    first = ", ".join(f"{name} ({n})" for name, n in counts.most_common(NAMED_MERGED))
    more = f" and {len(counts) - NAMED_MERGED} more" if len(counts) > NAMED_MERGED else ""
    what = []
    if counts:
        what.append(f"{len(counts)} categories with {sum(counts.values())} prompts: {first}{more}")
    if without:
        what.append(f"{without} prompts without a category")
    return (
        f"The region “{OTHER}” holds {' and '.join(what)}; `regions.least` is how many prompts a "
        "category needs, `regions.count` how many regions there are at most."
    )


def by_category(prompts: Sequence[Prompt], settings: CountedCut) -> list[str]:
    """The region name of each prompt: its category; rare, surplus or missing ones are "other"."""
    counts = Counter(p.category for p in prompts if p.category)
    kept = [
        c for c, n in sorted(counts.items(), key=lambda x: (-x[1], x[0])) if n >= settings["least"]
    ]
    others = len(kept) < len(counts) or not all(p.category for p in prompts)
    if len(kept) > settings["count"] or others:
        kept = kept[: settings["count"] - 1]
    return [p.category if p.category and p.category in kept else OTHER for p in prompts]


def candidate_words(texts: Sequence[Sequence[str]], top: int = NAMING_WORDS) -> list[list[str]]:
    """Words that set each group of texts apart, best first: class-based TF-IDF.

    tf · log(1 + average words / frequency), tf in texts (Grootendorst 2022, arXiv 2203.05794).
    """
    counted = [Counter(w for text in group for w in set(_words(text))) for group in texts]
    total: Counter[str] = Counter()
    for counts in counted:
        total.update(counts)
    average = sum(total.values()) / max(1, len(counted))
    return [
        sorted(counts, key=lambda w: (-counts[w] * math.log(1 + average / total[w]), w))[:top]
        for counts in counted
    ]


def typical_words(
    candidates: Sequence[Sequence[str]],
    centres: np.ndarray,
    embed_words: Callable[[list[str]], np.ndarray],
    top: int = 3,
) -> list[str]:
    """A name for each group: those of its candidate words whose embeddings are nearest its centre.

    centres (groups, d). Of words with one stem the first stays; a group without words is "other".
    """
    vocabulary = sorted({word for words in candidates for word in words})
    vectors = dict(zip(vocabulary, embed_words(vocabulary), strict=True)) if vocabulary else {}
    names = []
    for words, centre in zip(candidates, centres, strict=True):
        chosen: list[str] = []
        for word in sorted(words, key=lambda w: (-float(vectors[w] @ centre), w)):
            if len(chosen) < top and not any(word[:5] == other[:5] for other in chosen):
                chosen.append(word)
        names.append(", ".join(chosen) or OTHER)
    return names


def _words(text: str) -> list[str]:
    if not has_words(text):  # as in Chinese, Japanese and Thai
        return [p for p in map(shown_phrase, grams(text, 1)) if len(p) <= LONGEST_LETTERS]
    return [w for w in re.findall(r"[^\W\d_]{3,}", text.lower()) if w not in ENGLISH_STOP_WORDS]


def describe(
    prompts: Sequence[Prompt],
    labels: np.ndarray,
    vectors: np.ndarray,
    method: str,
    embed_words: Callable[[list[str]], np.ndarray],
) -> list[Region]:
    """The region of each label, in their order, which their ids follow."""
    groups = [np.flatnonzero(labels == region).tolist() for region in range(labels.max() + 1)]
    candidates = candidate_words([[prompts[i].asked for i in group] for group in groups])
    centres = np.stack([vectors[group].mean(axis=0) for group in groups])
    names = typical_words(candidates, centres, embed_words)
    found = []
    for region, group in enumerate(groups):
        categories = Counter(prompts[i].category or OTHER for i in group)
        category, count = min(categories.items(), key=lambda x: (-x[1], x[0]))
        centre = centres[region]
        medoid = min(
            group, key=lambda i: (float(((vectors[i] - centre) ** 2).sum()), prompts[i].id)
        )
        found.append(
            Region(
                id=f"r{region:03d}",
                name=_name(method, category, names[region], prompts[group[0]]),
                words=names[region],
                category=category,
                category_share=round(count / len(group), 4),
                weight=len(group) / len(prompts),
                prompts=len(group),
                medoid=prompts[medoid].id,
                unit="draw" if method == "draw" else "prompt",
            )
        )
    return found


def _name(method: str, category: str, words: str, first: Prompt) -> str:
    """Of a region that is one prompt, the prompt's own beginning."""
    if method == "draw":
        return f"“{textwrap.shorten(first.asked, LONGEST_NAME, placeholder=' …')}”"
    return category if method == "category" else words


def cut(
    prompts: Sequence[Prompt],
    vectors: np.ndarray,
    settings: CutSettings,
    embed_words: Callable[[list[str]], np.ndarray],
) -> tuple[list[Region], list[DealtPrompt]]:
    """Regions, and a row a prompt or a draw. Where the draw is the unit, every prompt is a region.

    Raises AuditError when there are fewer prompts than regions.
    """
    seed, count = settings["seed"], region_count(settings["regions"], len(prompts))
    regions: CountedCut = {**settings["regions"], "count": count}
    ids = [p.id for p in prompts]
    if settings.get("unit") == "draw":
        labels = np.arange(len(prompts))
    elif regions["method"] == "kmeans":
        if len(prompts) < count:
            raise AuditError(
                f"the bank has {len(prompts)} prompts for {count} regions; "
                "lower `regions.count` or add prompts"
            )
        labels, _ = cluster_prompts(vectors, ids, regions, seed)
        labels = without_small(labels, vectors, regions["least"])
    else:
        names = by_category(prompts, regions)
        alphabet = {name: place for place, name in enumerate(sorted(set(names)))}
        labels = np.array([alphabet[name] for name in names])
    _, labels = np.unique(labels, return_inverse=True)
    method = "draw" if settings.get("unit") == "draw" else regions["method"]
    described = describe(prompts, labels, vectors, method, embed_words)
    # Ids follow the name, so that they say the same whatever order k-means found the regions in.
    order = sorted(range(len(described)), key=lambda r: (described[r].name, described[r].medoid))
    described = [replace(described[r], id=f"r{place:03d}") for place, r in enumerate(order)]
    place_of = {region: place for place, region in enumerate(order)}
    where = [described[place_of[int(label)]].id for label in labels]
    rows = (draw_rows if settings.get("unit") == "draw" else prompt_rows)(prompts, where, settings)
    return described, rows


def main(job: Job) -> None:
    prompts = read_rows(job.input.bank, Prompt)
    settings = job.settings(RegionsSettings)
    if settings["unit"] == "draw":
        prompts = [prompt for prompt in prompts if prompt.is_answered]

    def embedded(texts):
        return embed_in_job(texts, job, settings)

    vectors = embedded([prompt.asked for prompt in prompts])
    described, rows = cut(prompts, vectors, settings, embedded)
    log.info("%d prompts in %d regions", len(prompts), len(described))
    notice = merged(prompts, described, settings["regions"]["method"])
    if notice:
        log.warning(notice)
    write_rows(job.output.prompts, rows)
    write_document(job.output.regions, Regions(described, notice))


if __name__ == "__main__":
    run(main)
