"""Checks before anything runs: what would fail an audit later is said now, in one sentence."""

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import cast

from scripts.assistants.providers import key_of
from scripts.assistants.roles import (
    LOCAL,
    ROLES_OF,
    Role,
    RoleServer,
    StageRoles,
    read_roles,
)
from scripts.checks.behaviour_file import read_behaviour_file
from scripts.core.checksums import damage
from scripts.core.errors import AuditError
from scripts.core.files import read_json
from scripts.core.rows import read_document
from scripts.core.version import ROOT
from scripts.core.vocabulary import SIDES
from scripts.evidence.status import fewest_prompts
from scripts.models.adapter import check_adapter, check_files
from scripts.models.arithmetic import units
from scripts.models.checkpoint import check_pickles
from scripts.models.formatting import check_template, replaces_system, template_places
from scripts.models.plant_file import read_plant
from scripts.models.reasoning import require_thoughts, template_of
from scripts.models.settings import LoadedSettings
from scripts.models.thinking import template_arguments
from scripts.prompts.pools import draws_a_prompt
from scripts.prompts.prompt import Prompt
from scripts.recordings.bank import BankReport
from scripts.workflow.at_hand import Made, bank_rows, look, most_prompts, to_write
from scripts.workflow.config import ConfigError
from scripts.workflow.kinds.registry import KINDS, kind_of
from scripts.workflow.paths import RESULTS, USAGE, fill
from scripts.workflow.recipes import Node, Recipes

BFLOAT16 = "bfloat16"
_ROWS: dict[str, list[Prompt] | None] = {}  # of banks, by key
ANY = {"system_prompt": ""}  # a subject that has one


def require_runnable(recipes: Recipes) -> None:
    """Raise AuditError when a file that a person writes is not what it should be, a recorded side
    has settings of a model, a bank is unusable or has too few prompts or samples, an adapter is for
    another architecture than its model, or a budget in dollars meets a model without a price."""
    require_readable(recipes)
    for name in recipes.audits:
        _check_recorded(name, recipes)
    for name, report in recipes.audits.items():
        regions = report.ancestor("regions")
        count = _prompt_count(regions.inputs["bank"])
        settings = regions.settings["regions"]
        asked = settings["count"] or 1
        if regions.settings["unit"] == "draw":
            _check_draws(name, regions)
        elif count is not None and round(regions.settings["pools"]["explore"] * count) < 1:
            raise ConfigError(
                f"`audits.{name}`: of {count} prompt{'s' * (count != 1)} none is left to explore; "
                "add prompts, or with many samples of each set `unit: draw`"
            )
        elif count is not None and settings["method"] == "kmeans" and count < asked:
            raise ConfigError(
                f"`audits.{name}`: the bank has {count} prompts for {asked} regions; "
                "lower `regions.count` or add prompts"
            )
        budget = recipes.config.audits[name].assistant.budget
        if budget.usd is not None and (lacking := unpriced(_of_assistant(report))):
            raise ConfigError(
                f"`audits.{name}.assistant.budget.usd` needs a price for `{lacking[0]}`; enter it "
                "in a file that `assistant.prices` names, in US dollars a million tokens"
            )
    for node in recipes.nodes["write"].values():
        limited = node.settings["assistant"]["budget"]["usd"] is not None
        if limited and (lacking := unpriced([node])):
            raise ConfigError(
                f"`banks.{node.local['bank']}`: the `budget.usd` of what is written needs a price "
                f"for `{lacking[0]}`; enter it in a file that its `author.prices` names, in US "
                "dollars a million tokens"
            )
    for node in recipes.nodes["decode"].values():
        model, adapter = (_files_at_hand(node.inputs.get(name)) for name in ("model", "adapter"))
        server = node.settings.get("server", {})
        pickled = bool(node.settings.get("pickled_weights") or server.get("pickled_weights"))
        if model:
            check_pickles(model, pickled)
        for name in node.inputs:
            if name.startswith("adapter") and (one := _files_at_hand(node.inputs[name])):
                check_files(one, pickled)
        if model and adapter:
            check_adapter(model, adapter, pickled)
        if node.settings.get("thinking") == "off" and (places := _templates_at_hand(node)):
            template_arguments(template_of(_loaded(node), places))
    for node in (node for stage in ROLES_OF for node in recipes.nodes[stage].values()):
        for number, served in enumerate(_servers(node)):
            if model := _files_at_hand(node.inputs[f"served {number}"]):
                check_pickles(model, served.pickled_weights)
    for name, report in recipes.audits.items():
        subjects = report.ancestor("measure").inputs["plan"].inputs
        sides = [(_loaded(subjects[side]), _templates_at_hand(subjects[side])) for side in SIDES]
        if all(subject["kind"] == "loaded" and places for subject, places in sides):
            require_thoughts(recipes.config.audits[name].of, sides, f"audits.{name}.")


def require_readable(recipes: Recipes) -> None:
    """Raise AuditError when a plant file, a file of behaviours or of hypotheses or a chat template
    cannot be used; the stages that read them come late."""
    for node in recipes.nodes["plant"].values():
        read_plant(node.local["file"])
    for node in recipes.nodes["trials"].values():
        read_behaviour_file(node.local["behaviours"])
    for name, report in recipes.audits.items():
        audit = recipes.config.audits[name]
        if audit.hypotheses is not None:
            from scripts.assistants.user_file import read_own  # takes a fifth of a second

            local = report.ancestor("screen").settings["assistant"] == LOCAL
            for line in read_own(audit.hypotheses, local, audit.entailment is not None):
                if line.prompts and audit.probe is None:
                    raise ConfigError(
                        f"{line.where}: its `prompts` are not looked at unless "
                        f"`audits.{name}.probe` is there; `probe: {{}}` takes the defaults"
                    )
    for node in recipes.nodes["decode"].values():
        if "file" in node.local:
            check_template(node.local["file"], node.settings["chat_template"]["text"])


def require_credentials(report: Node) -> None:
    """Raise AuditError when an audit that is still to be judged lacks the key of one of its
    assistant's roles or of a server that decodes."""
    if _made_already(report.inputs["confirm"]):
        return
    for node in _asking(report):
        if not _made_already(node):
            for role in _roles(node):
                key_of(role)
    for node in report.ancestors().values():
        if node.stage == "decode":
            KINDS[node.settings["kind"]].require_credentials(node.local)


def require_weights(description: str) -> None:
    """Raise AuditError when a model is described, as `restore` leaves it, but has no weights."""
    file = Path(description)
    if damage(file) == file:
        return  # the job that reads it says so
    if file.is_file() and not Path(read_json(file)["path"]).exists():
        raise AuditError(
            f"`{file}` describes a model whose files are not there (an archive holds none), and "
            f"what is to be run needs them; run `snakemake --force {file} --cores 1` once, then "
            "the same call again"
        )


def require_intact_rounds(recipes: Recipes) -> None:
    """Raise AuditError when the decision of a round is not as it was written: which jobs there are
    depends on it."""
    for key in recipes.nodes["measure"]:
        for file in sorted((RESULTS / "measure" / key).glob("*/round.json")):
            if damage(file):
                raise AuditError(
                    f"`{file}` is not as it was written, and what follows depends on it; run "
                    f"`{remedy()}`, then the same call again"
                )


def remedy() -> str:
    """The command that sets damaged outputs aside, from this working directory."""
    elsewhere = "" if Path.cwd() == ROOT else f"PYTHONPATH={ROOT} "
    return f"{elsewhere}python -m scripts.tools.repair"


def notices(recipes: Recipes) -> Iterator[str]:
    """What is allowed but worth saying."""
    for name, report in recipes.audits.items():
        if (few := too_few(report)) is not None:
            yield f"audit `{name}`: {few}"
    for name, report in recipes.audits.items():
        for side, count in system_messages(report).items():
            yield (
                f"audit `{name}`: the {side}'s `system_prompt` replaces the system message of "
                f"{count} prompts of the bank"
            )
    for name, report in recipes.audits.items():
        for model in unpriced(_of_assistant(report)):
            yield (
                f"audit `{name}`: no price is known for the model `{model}`, so its dollars count "
                "as 0; enter it in `assistant.prices`"
            )
    for node in recipes.nodes["write"].values():
        for model in unpriced([node]):
            yield (
                f"bank `{node.local['bank']}`: no price is known for its author `{model}`, so its "
                "dollars count as 0; enter it in `author.prices`"
            )
    for name, report in recipes.audits.items():
        if report.settings["null"]:
            yield (
                f"audit `{name}`: both subjects are identical, so this is a null audit; "
                "whatever it validates is a false discovery"
            )


def system_messages(report: Node) -> dict[str, int]:
    """For each side with a system prompt, the prompts that have a system message of their own;
    nothing where there are none, or reading the bank takes long."""
    bank = report.ancestor("regions").inputs["bank"]
    subjects = report.ancestor("measure").inputs["plan"].inputs
    sides = [side for side in SIDES if subjects[side].settings.get("system_prompt") is not None]
    if not sides:
        return {}
    rows = _rows(bank)
    count = sum(replaces_system(row, ANY) for row in rows or ())
    return dict.fromkeys(sides, count) if count else {}


def too_few(report: Node) -> str | None:
    """That an audit cannot validate anything, were even a single hypothesis won on every fresh
    prompt; None where it can, or where its prompts are not counted quickly."""
    regions, confirm = report.ancestor("regions"), report.inputs["confirm"]
    count = _prompt_count(regions.inputs["bank"])
    share, least = regions.settings["pools"]["confirm"], fewest_prompts(1 / confirm.settings["q"])
    if count is None or regions.settings["unit"] == "draw" or round(share * count) >= least:
        return None
    return (
        f"with {count} prompt{'s' * (count != 1)} nothing can be validated, since {share:.0%} of "
        f"them are held out to test on and it takes {least}; {math.ceil(least / share)} prompts "
        "would do, and with many samples of each `unit: draw` makes claims about these prompts "
        "alone"
    )


def emulated(recipes: Recipes) -> Iterator[str]:
    """What is to be computed in an arithmetic that this machine emulates; for calls whose jobs run
    on it."""
    if units() or Path("/dev/nvidia0").exists():
        return
    for name, audit in recipes.config.audits.items():
        subjects = recipes.audits[name].ancestor("measure").inputs["plan"].inputs
        slow = [f"the {side}" for side in SIDES if subjects[side].settings.get("dtype") == BFLOAT16]
        for what in [*slow, *["its embedding"] * (audit.embed.dtype == BFLOAT16)]:
            yield (
                f"audit `{name}`: {what} is computed in `dtype: bfloat16`, which this processor "
                "has no units for and emulates, about ten times slower; `dtype: auto` computes in "
                "float32 here"
            )


def unpriced(asking: Iterable[Node]) -> list[str]:
    """The models without a price that nodes ask."""
    roles = (role for node in asking for role in _roles(node))
    return list(dict.fromkeys(role.model for role in roles if role.unpriced))


def _asking(report: Node) -> list[Node]:
    """The nodes behind a report that may ask a language model."""
    return [node for node in report.ancestors().values() if node.stage in ROLES_OF]


def _of_assistant(report: Node) -> list[Node]:
    """Those of them that ask the audit's own assistant: who writes a bank is the bank's."""
    return [node for node in _asking(report) if node.stage != "write"]


def _of_stage(node: Node) -> StageRoles | None:
    """What a stage is given of the assistant; None where that is the local one."""
    given = node.settings["assistant"]
    if given == LOCAL:
        return None
    return read_roles(ROLES_OF[node.stage], given, node.local["access"])


def _roles(node: Node) -> tuple[Role, ...]:
    """The assistant's roles that a stage has; none of the local assistant."""
    found = _of_stage(node)
    return found.roles if found else ()


def _servers(node: Node) -> list[RoleServer]:
    """The servers that a stage's jobs start for its roles."""
    found = _of_stage(node)
    return found.servers() if found else []


def _made_already(node: Node) -> bool:
    return Path(fill(USAGE, node)).is_file()


def _check_recorded(name: str, recipes: Recipes) -> None:
    """Raise AuditError when a side is recorded and has settings of a model, which would do
    nothing."""
    for side in SIDES:
        where, given = f"audits.{name}", getattr(recipes.config.audits[name], side)
        kind = kind_of(recipes.config.subject(recipes.config.audits[name], side, where))
        if kind.idle is None:
            continue
        if isinstance(given, str):
            where, given = "subjects", recipes.config.subjects[side := given]
        names = given if isinstance(given, Mapping) else given.model_fields_set
        if idle := sorted(set(names) - {kind.field}):
            raise ConfigError(f"`{where}.{side}.{idle[0]}` does nothing, {kind.idle}")


def _check_draws(name: str, regions: Node) -> None:
    """Raise AuditError when the samples of each prompt are too few, or the prompts too many."""
    rows, samples = _rows(regions.inputs["bank"]), regions.settings.get("samples")
    held = [
        count
        for prompt in rows or ()
        if (count := samples if prompt.samples is None else prompt.samples)
    ]
    if rows is None:  # as if all were there that are still to be written
        held = [samples] * (most_prompts(_made(regions.inputs["bank"])) or 0)
    if held:
        try:
            draws_a_prompt(held)
        except AuditError as error:
            raise AuditError(f"`audits.{name}`: {error}") from None


def _prompt_count(bank: Node) -> int | None:
    """Prompts of a bank: from its report, else by building it; at most, where it is still to be
    written; None where that takes long."""
    done = RESULTS / "bank" / bank.key / "bank.json"
    if done.is_file() and not damage(done):
        return read_document(done, BankReport).prompts
    missing = to_write(_made(bank))
    for source in bank.local["sources"]:
        if source["path"] not in missing:
            look(source, "prompt")
    for node in _recorded(bank).values():
        look(node.local["responses"], "response")
    rows = _rows(bank)
    if rows is None:
        return most_prompts(_made(bank))
    return sum(prompt.is_answered for prompt in rows)


def _rows(bank: Node) -> list[Prompt] | None:
    """The prompts of a bank, read once; None where that takes long."""
    if bank.key not in _ROWS:
        sides = {side: _made(node) for side, node in _recorded(bank).items()}
        _ROWS[bank.key] = bank_rows(_made(bank), sides, RESULTS)
    return _ROWS[bank.key]


def _recorded(bank: Node) -> dict[str, Node]:
    """The recordings that bound a bank, by side."""
    return {side: node for side, node in bank.inputs.items() if side in SIDES}


def _made(node: Node) -> Made:
    return Made(node.key, node.settings, node.local)


def _templates_at_hand(subject: Node) -> list[Path]:
    """The folders that a subject's chat template may be in, where all of them are there."""
    found = {name: _files_at_hand(node) for name, node in subject.inputs.items()}
    model = found.pop("model", None)
    adapters = [folder for folder in found.values() if folder]
    if model is None or len(adapters) < len(found):
        return []
    return template_places(_loaded(subject), model, adapters)


def _loaded(node: Node) -> LoadedSettings:
    """The settings of a subject, as its jobs take them where it is loaded."""
    return cast(LoadedSettings, node.settings)


def _files_at_hand(node: Node | None) -> Path | None:
    """Where a model's or local adapter's files lie, if they are there already."""
    if node is None or node.stage != "model":
        return None
    if "path" in node.local:
        path = Path(node.local["path"])
        return path if path.is_dir() else None
    files = Path(f"results/model/{node.key}/files")
    return files if files.is_dir() else None
