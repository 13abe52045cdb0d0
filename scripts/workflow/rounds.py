"""The loop plan -> decode -> embed -> measure: which rounds are measured, and whether more follow.

A round is closed when its round.json says stop. Snakemake learns of an open one by the checkpoint
`measure`: who asks for the round is asked again once it is there.
"""

import os
from functools import cache
from typing import TYPE_CHECKING

from scripts.core.rows import read_document
from scripts.divergence.round import Round
from scripts.workflow.paths import ROUND, fill
from scripts.workflow.recipes import Node, Recipes

if TYPE_CHECKING:
    from snakemake.checkpoints import Checkpoints
    from snakemake.common import Rules
    from snakemake.workflow import Workflow


class Rounds:
    """The rounds of every loop of a configuration.

    `workflow`, `rules` and `checkpoints` are what Snakemake calls so in a Snakefile.
    """

    def __init__(
        self, recipes: Recipes, workflow: "Workflow", rules: "Rules", checkpoints: "Checkpoints"
    ):
        self._loops = list(recipes.nodes["measure"].values())
        self._workflow, self._rules, self._checkpoints = workflow, rules, checkpoints
        self._may_go_on: bool | None = None

    def closed(self, measure: Node) -> list[str]:
        """Steps up to the one that says stop; Snakemake comes back here while one is still open.

        Only the last is asked of the checkpoint, which builds the graph anew each time; those
        before it lie behind it as its inputs, and come first when they are made again.
        """
        steps, stopped = measured(measure)
        if self.settle_checkpoint():
            step = steps[-1] if stopped else f"round-{len(steps)}"
            self._checkpoints.measure.get(key=measure.key, step=step)  # raises while it is not made
        return steps

    def settle_checkpoint(self) -> bool:
        """Make `measure` a plain rule if this call measures no round, and say whether it may: for
        checkpoints, finished ones too, Snakemake builds much of the graph anew.

        Forced jobs may decide otherwise than what is there; what is forced is known only now, while
        the graph is built.
        """
        if self._may_go_on is None:
            asked = self._workflow.dag_settings
            forced = asked.forceall or asked.forcerun or asked.forcetargets
            self._may_go_on = bool(forced) or not all(measured(node)[1] for node in self._loops)
            self._rules.measure.rule.is_checkpoint = self._may_go_on
        return self._may_go_on


def measured(measure: Node) -> tuple[list[str], bool]:
    """Steps of the rounds that are measured already, and whether the last of them says stop."""
    steps: list[str] = []
    stopped = False
    while not stopped:
        path = fill(ROUND, measure, step=f"round-{len(steps)}")
        if not os.path.isfile(path):
            break
        stopped = _says_stop(path, os.stat(path).st_mtime_ns)
        steps.append(f"round-{len(steps)}")
    return steps, stopped


@cache
def _says_stop(path: str, _: int) -> bool:
    """Whether no round follows the one that is described there (and was at that time). Raises
    Unreadable, naming the file, for what is no round."""
    return read_document(path, Round).stop is not None
