"""The configuration's one schema: every field with its default, unit and meaning.

`config/schemas/config.schema.json` is generated from it (`make schema`) for editors; a test keeps
the two equal. `load` returns a checked `Config` or raises `ConfigError` with one sentence.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

from pydantic import Field, ValidationError, model_validator

from scripts.core.errors import AuditError
from scripts.core.files import Json, JsonObject
from scripts.core.vocabulary import SIDES
from scripts.workflow.bank_sections import Bank
from scripts.workflow.complaints import known, listed, sentence
from scripts.workflow.export_formats import WRITERS
from scripts.workflow.kinds.registry import inherited, kind_of
from scripts.workflow.section import NAME, Name, Section
from scripts.workflow.sections import Audit, Benchmark, Execution, Plant
from scripts.workflow.subject_sections import Subject

# Each audit is a target by its name, beside the rules.
RESERVED = {
    "all", "model", "plant", "responses", "write", "bank", "regions", "contrast", "plan", "decode",
    "embed", "measure", "propose", "screen", "probe", "confirm", "report", "publish", "estimate",
    "why", "prune", "archive", "restore", "export", "lock", "benchmark", "exhaustive", "rewrite",
    "trials",
}  # fmt: skip


if TYPE_CHECKING:
    Writer: TypeAlias = str
else:
    Writer = Literal[*WRITERS]


class ConfigError(AuditError):
    """A configuration that cannot be used; one sentence for the person who wrote it."""


class Config(Section):
    """The whole configuration."""

    subjects: dict[Name, Subject] = Field(default_factory=dict)
    """Subjects by name."""
    banks: dict[Name, Bank] = Field(default_factory=dict)
    """Prompt banks by name."""
    plants: dict[Name, Plant] = Field(default_factory=dict)
    """Planted interventions by name."""
    audits: dict[Name, Audit] = Field(min_length=1)
    """Audits by name."""
    cache: str = "cache"
    """Directory of the record cache; may be shared between runs and users; safe to delete."""
    execution: Execution = Execution()
    """Site settings."""
    benchmark: Benchmark | None = None
    """What `snakemake benchmark` measures; see config/benchmarks/."""
    scale: str | None = Field(None, pattern=NAME)
    """Lays config/benchmarks/<scale>.yaml under this configuration; meant for the command line."""
    prune: bool = False
    """Whether `snakemake prune` deletes what it lists; meant for the command line (`--config`)."""
    archive: str | None = None
    """File that `snakemake restore` unpacks; meant for the command line."""
    export: Writer = "jsonl"
    """What `snakemake export` writes; `parquet` needs pyarrow."""

    @model_validator(mode="after")
    def _names_exist(self):
        if self.benchmark is not None:
            bench = self.benchmark
            for name in [bench.suite, *bench.audits, *bench.exhaustive, *bench.truths]:
                known(name, self.audits, "benchmark")
            for name in bench.exhaustive:
                if name not in bench.audits:
                    raise ValueError(
                        f"`benchmark.exhaustive` names `{name}`: name it in `benchmark.audits`, too"
                    )
        for name, audit in self.audits.items():
            where = f"audits.{name}"
            if name in RESERVED:
                raise ValueError(f"`{where}`: `{name}` is the name of a rule; rename the audit")
            base = self.subject(audit, "base", where)
            intervention = self.subject(audit, "intervention", where)
            ready = [kind_of(side).name == "recorded" for side in (base, intervention)]
            if audit.of != "answer" and any(ready):
                raise ValueError(
                    f"`{where}.of` is `{audit.of}`, and recorded responses have no thoughts; leave "
                    "it out"
                )
            if audit.of != "answer" and base.thinking == intervention.thinking == "off":
                raise ValueError(
                    f"`{where}.of` is `{audit.of}`, and both subjects have `thinking: off`; leave "
                    "one of the two out"
                )
            if audit.bank is not None:
                known(audit.bank, self.banks, f"{where}.bank")
            elif not all(ready):
                raise ValueError(f"`{where}.bank` is missing: name one of {listed(self.banks)}")
            for side, subject in (("base", base), ("intervention", intervention)):
                for plant in subject.plants:
                    known(plant, self.plants, f"{where}.{side}.adapter")
        for name, plant in self.plants.items():
            known(plant.base, self.subjects, f"plants.{name}.base")
            base = self.subjects[plant.base]
            if base.model is None or base.adapter or base.quantization != "none":
                raise ValueError(
                    f"`plants.{name}.base` must be a plain model without adapter or quantization"
                )
        return self

    def subject(self, audit: Audit, side: str, where: str) -> Subject:
        """The resolved subject of an audit's side; an intervention inherits from the base."""
        given = getattr(audit, side)
        if isinstance(given, str):
            known(given, self.subjects, f"{where}.{side}")
            return self.subjects[given]
        if isinstance(given, Subject):
            return given
        merged = inherited(self.subject(audit, "base", where).model_dump(), given)
        try:
            return Subject.model_validate(merged)
        except ValidationError as error:
            raise ValueError(sentence(error, Subject, f"{where}.{side}")) from None

    def only(self, name: str) -> JsonObject:
        """The part that one audit reads, as it was given."""
        audit = self.audits[name]
        sides = {side: self.subject(audit, side, name) for side in SIDES}
        plants = {plant for subject in sides.values() for plant in subject.plants}
        subjects = {self.plants[plant].base for plant in plants}
        named = (getattr(audit, side) for side in sides)
        subjects |= {subject for subject in named if isinstance(subject, str)}

        def given(section, names):
            chosen = {name: getattr(self, section)[name] for name in sorted(names)}
            return {
                n: value.model_dump(mode="json", exclude_unset=True) for n, value in chosen.items()
            }

        sections = {
            "subjects": given("subjects", subjects),
            "banks": given("banks", {audit.bank} - {None}),
            "plants": given("plants", plants),
            "audits": given("audits", {name}),
        }
        return {section: content for section, content in sections.items() if content}


def load(raw: Mapping[str, Json]) -> Config:
    """Check a raw configuration. Raises ConfigError, one sentence that names the field."""
    try:
        return Config.model_validate(dict(raw))
    except ValidationError as error:
        raise ConfigError(sentence(error, Config)) from None


def json_schema() -> JsonObject:
    """JSON schema (2020-12) of the configuration, for editors."""
    schema = Config.model_json_schema()
    for name, section, field in [
        ("regions", "Regions", "method"),
        ("assistant", "Assistant", "provider"),
    ]:
        properties = schema["$defs"]["Audit"]["properties"]
        short = schema["$defs"][section]["properties"][field]["enum"]
        properties[name] = {"anyOf": [properties[name], {"enum": short}]}
    author = schema["$defs"]["Written"]["properties"]["author"]
    short = schema["$defs"]["AssistantRole"]["properties"]["provider"]["enum"]
    author["anyOf"] = [{"$ref": author.pop("$ref")}, {"enum": short}]
    words = [("Subject", "responses"), ("Responses", "prompts")]
    words += [("Assistant", name) for name in ("author", "cheap", "themes")]
    for section, name in words:
        schema["$defs"][section]["properties"][name]["anyOf"].append({"type": "string"})
    judges = schema["$defs"]["Assistant"]["properties"]["judges"]
    judges["items"] = {"anyOf": [judges["items"], {"type": "string"}]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=2))
