"""Audits as the tools are given them: every node behind a report, as JSON holds it."""

from collections.abc import Mapping
from typing import Any, TypedDict


class DescribedNode(TypedDict):
    """One stage with one set of settings (`recipes.Node`)."""

    stage: str
    key: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, list[str]]  # stage and key of each, by its role
    local: Mapping[str, Any]  # paths and the like, which no key contains


class DescribedAudit(TypedDict):
    """An audit: the key of its report, and its nodes, inputs first."""

    key: str
    nodes: list[DescribedNode]


Audits = Mapping[str, DescribedAudit]  # by name
