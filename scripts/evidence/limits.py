"""How many requests it takes to judge hypotheses, and why some are not judged."""

from collections.abc import Mapping, Sequence

TOGETHER = 10  # statements judged in one request, beside a placebo
# Why a hypothesis is none of the K tested ones: no confirm draws for it, or no requests.
BEYOND = ("draws", "unpaid")


def requests(hypotheses: int) -> int:
    """How many requests judge so many hypotheses on one pair of responses."""
    return -(-hypotheses // TOGETHER)


def confirm_requests(
    samples: Mapping[str, Sequence[int]], hypotheses: Mapping[str, int], rated: int
) -> int:
    """Requests of the confirm stage if none is repeated and nobody is decided before the end.

    samples: pairs of each prompt, by region; hypotheses: how many concern each region; rated:
    prompts a region that are read again for rates. assistants/bill.py bounds the same for
    hypotheses that are not known yet.
    """
    judged = sum(
        requests(hypotheses[region]) * (sum(pairs) + sum(pairs[:rated]))
        for region, pairs in samples.items()
    )
    return judged + len(samples) + 1  # placebos are chosen by region; themes
