"""Audits as the tools are given them: every node behind a report, as JSON holds it."""

from collections.abc import Mapping
from typing import TypedDict

from scripts.core.settings import Given


class DescribedNode(TypedDict):
    """One stage with one set of settings (`recipes.Node`)."""

    stage: str
    key: str
    settings: Given
    inputs: Mapping[str, list[str]]  # stage and key of each, by its role
    local: Given  # paths and the like, which no key contains


class DescribedAudit(TypedDict):
    """An audit: the key of its report, and its nodes, inputs first."""

    key: str
    nodes: list[DescribedNode]


Audits = Mapping[str, DescribedAudit]  # by name
