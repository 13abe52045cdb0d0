"""How many requests it takes to judge hypotheses."""

from collections.abc import Mapping, Sequence

TOGETHER = 10  # statements judged in one request, beside a placebo


def requests(hypotheses: int) -> int:
    """How many requests judge so many hypotheses on one pair of responses."""
    return -(-hypotheses // TOGETHER)


def probe_requests(hypotheses: int, prompts: int, samples: int) -> int:
    """Requests of probing at most: prompts are written ten at a time, each request perhaps twice,
    then both halves are judged, a pair of texts a request, with one for the placebos of each."""
    written = 2 * (-(-prompts // 10) + 2)
    return hypotheses * (written + 2 * -(-prompts // 2) * (samples + 1) + 1)


def confirm_requests(samples: Mapping[str, Sequence[int]], hypotheses: Mapping[str, int]) -> int:
    """Requests of the confirm stage if nobody is decided before the last prompt.

    samples: pairs of each prompt, by region; hypotheses: how many concern each region. Whoever is
    decided early pays for the rates and second chances. workflow/bill.py bounds the same for
    hypotheses that are not known yet.
    """
    judged = sum(requests(hypotheses[region]) * sum(pairs) for region, pairs in samples.items())
    return judged + len(samples) + 1  # placebos are chosen by region; themes
