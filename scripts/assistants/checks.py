"""Checks: what can be read off one text without a model, as the local assistant does.

A check is a small dictionary that travels in JSON: `{"kind": "phrases", "phrases": [...]}` holds
when the text contains one of the phrases, `{"kind": "feature", "feature": name}` when the named
feature is present, and `"absent": true` turns either around.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from scripts.assistants.features import FEATURES
from scripts.assistants.words import words


def holds(check: Mapping[str, Any], text: str) -> bool:
    """Whether a check holds for a text. Raises KeyError for an unknown feature."""
    if check["kind"] == "phrases":
        plain = _plain(text)
        found = any(f" {phrase} " in plain for phrase in check["phrases"])
    else:
        found = _has(check["feature"], text)
    return found != check.get("absent", False)


# A text is asked for many hypotheses and placebos.
@lru_cache(maxsize=2**16)
def _plain(text: str) -> str:
    return f" {' '.join(words(text))} "


@lru_cache(maxsize=2**20)
def _has(feature: str, text: str) -> bool:
    return FEATURES[feature][1](text)
