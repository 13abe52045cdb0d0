"""Configuration, keys and paths: everything that the rules look up.

PROVIDES  the session, path patterns, input and params functions; holds no rule and no logic: that
          is Python in scripts/workflow/ (session, paths, rounds, inputs, parameters)
"""

import gc
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from scripts.core.errors import AuditError
from scripts.core.vocabulary import SIDES
from scripts.workflow.benchmark_inputs import PARTS, BenchmarkInputs
from scripts.workflow.inputs import Inputs, asked_often
from scripts.workflow.parameters import OF_ITS_KIND, Parameters, growing
from scripts.workflow.paths import *
from scripts.workflow.rounds import Rounds
from scripts.workflow.session import (
    before_jobs,
    killed_jobs,
    look_ahead,
    open_session,
    require_targets,
    set_environment,
)

# The graph of jobs is many objects and no garbage: looking for it took a fifth of a call.
gc.freeze()
gc.set_threshold(100_000)

try:
    SESSION = open_session(config, workflow.configfiles)
    if workflow.is_main_process:
        for notice in look_ahead(SESSION):
            logger.warning(notice)
except AuditError as error:
    raise WorkflowError(str(error)) from None

CONFIG, CALL = SESSION.config, SESSION.call
CACHE = CONFIG.cache
GPUS = workflow.global_resources.get("gpu").value or 1
DEVICES = CONFIG.execution.devices_per_shard
set_environment(workflow, CONFIG.execution.keep_models, max(1, GPUS // DEVICES))

PARAMETERS = Parameters(SESSION.recipes, workflow.resource_settings.cores or 1, GPUS, DEVICES)
ROUNDS = Rounds(SESSION.recipes, workflow, rules, checkpoints)
INPUTS = Inputs(SESSION.recipes, CONFIG.execution.shards, ROUNDS)
BENCHMARK = BenchmarkInputs(SESSION.recipes, INPUTS)
ALL_CORES, GPU_CORES = PARAMETERS.cores, PARAMETERS.gpu_cores
published = SESSION.publications.asked


onstart:
    try:
        for notice in before_jobs(SESSION, workflow):
            logger.warning(notice)
    except AuditError as error:
        raise WorkflowError(str(error)) from None
    if workflow.is_main_process:
        from scripts.workflow.watch import show

        show(workflow, PARAMETERS.nodes_of_audits({}), Path(CACHE), SESSION.began)


onsuccess:
    from scripts.workflow.watch import hide

    hide()
    try:
        require_targets(workflow)
    except AuditError as error:
        raise WorkflowError(str(error)) from None


onerror:
    from scripts.workflow.watch import hide

    hide()
    for sentence in killed_jobs(SESSION, workflow):
        logger.error(sentence)


wildcard_constraints:
    key="[0-9a-f]{16}",
    plan="[0-9a-f]{16}",
    side="|".join(SIDES),
    step=r"round-\d+|screen|probe|confirm|exhaustive",
    part="|".join(PARTS),
    shard=r"\d+",
    shards=r"\d+",
