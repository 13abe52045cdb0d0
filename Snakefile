"""Auto-Interventions: what did an intervention really do to a language model?

Read the rules in the order of the arrows (CONTRIBUTING.md draws them); each stage is
rules/<stage>.smk and scripts/<stage>.py.
"""

from snakemake.utils import min_version

from scripts.workflow.paths import here_or_shipped

min_version("9.27")


if "scale" in config:

    configfile: here_or_shipped("config/benchmarks/full.yaml")

    if config["scale"] != "full":

        configfile: here_or_shipped(f"config/benchmarks/{config['scale']}.yaml")

elif not workflow.configfiles:

    configfile: here_or_shipped("config/config.yaml")


container: "container.sif"  # only with `--sdm apptainer`; envs/container.def makes it


inputflags:
    ancient,  # paths carry the content key; file times must not decide


include: "rules/common.smk"
include: "rules/model.smk"
include: "rules/plant.smk"
include: "rules/responses.smk"
include: "rules/write.smk"
include: "rules/bank.smk"
include: "rules/regions.smk"
include: "rules/contrast.smk"
include: "rules/plan.smk"
include: "rules/decode.smk"
include: "rules/embed.smk"
include: "rules/measure.smk"
include: "rules/propose.smk"
include: "rules/screen.smk"
include: "rules/probe.smk"
include: "rules/confirm.smk"
include: "rules/report.smk"
include: "rules/publish.smk"
include: "rules/exhaustive.smk"
include: "rules/rewrite.smk"
include: "rules/trials.smk"
include: "rules/tools.smk"


rule all:
    default_target: True
    input:
        published(),
    localrule: True
