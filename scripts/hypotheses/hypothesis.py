"""Hypotheses by ids that follow from what they say."""

from collections.abc import Sequence

from scripts.core.digests import digest


def named(hypotheses: Sequence[dict]) -> list[dict]:
    """Hypotheses with ids that follow their content."""

    def content(hypothesis):
        if "check" in hypothesis:
            return hypothesis["check"]
        return [hypothesis["behaviour"], hypothesis["direction"]]

    return [{"id": "h" + digest(content(h), h["regions"])[:8], **h} for h in hypotheses]
