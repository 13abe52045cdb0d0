"""Plug points: a member in one file, with a line in a table, is used in whole audits.

A copy of the workflow is given one toy of each kind. Two audits of echoes then use them all: the
one is judged by local checks, the other by a provider's models.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import FORMS, TOPICS, copy_workflow, read_lines, snakemake, write_config
from loopback import Loopback

from scripts.workflow.keys import DigestIndex, local_imports


@dataclass(frozen=True)
class Toy:
    """What adds a member: files by path, and lines as (table, text there, text instead)."""

    files: dict[str, str]
    lines: list[tuple[str, str, str]]


PROVIDER = Toy(
    {
        "scripts/assistants/plain.py": '''
"""Chat completions by the standard library."""

import asyncio
import json
import urllib.request

from scripts.assistants.provider import Access, Models, Provider, Reply, Request


class Plain:
    def __init__(self, access: Access):
        self.identity, self._url = access.identity, f"{access.base_url}/chat/completions"

    async def complete(self, request: Request) -> Reply:
        return await asyncio.to_thread(self._complete, request)

    def _complete(self, request: Request) -> Reply:
        messages = [
            {"role": "system", "content": request.system},
            {"role": "user", "content": request.prompt},
        ]
        body = json.dumps({"model": request.model, "messages": messages}).encode()
        with urllib.request.urlopen(urllib.request.Request(self._url, body)) as answer:
            given = json.load(answer)
        usage = given["usage"]
        text = given["choices"][0]["message"]["content"]
        return Reply(text, usage["prompt_tokens"], usage["completion_tokens"])

    async def close(self) -> None: ...


PROVIDER = Provider("plain", "PLAIN_KEY", "plain-[a-z]{20}", Models("small", "large"), Plain)
'''
    },
    [
        (
            "scripts/assistants/providers.py",
            "import gemini, openai\n",
            "import gemini, openai, plain\n",
        ),
        ("scripts/assistants/providers.py", "in (gemini, openai)", "in (gemini, openai, plain)"),
    ],
)
READER = Toy(
    {
        "scripts/readers/pipes.py": '''
"""A line a prompt: its category, a bar, the prompt."""

from scripts.readers.jsons import text_lines
from scripts.readers.row import Format, Record


def records(path, _settings):
    for number, line in text_lines(path):
        category, prompt = line.rstrip("\\n").split(" | ")
        yield Record(f"line {number}", {"prompt": prompt, "category": category})


FORMAT = Format("pipes", "bars", (".pipes",), lambda glance: glance.ending == ".pipes", records)
'''
    },
    [
        ("scripts/readers/registry.py", "    persona,\n", "    persona,\n    pipes,\n"),
        ("scripts/readers/registry.py", "columns, text, ", "columns, text, pipes, "),
    ],
)
KIND = Toy(
    {
        "scripts/workflow/kinds/echo.py": '''
"""Subjects that say the same whatever they are asked."""

from scripts.core.digests import digest
from scripts.workflow.kinds.kind import Kind, Recipe
from scripts.workflow.section import Section


class Echo(Section):
    """What an echo says."""

    adds: str = ""
    """Said at the end."""


def recipe(nodes, where, subject, match):
    settings = {"echo": subject.echo.model_dump()}
    return Recipe(settings | {"subject": digest(settings)})


def words(subject):
    return [("an echo that adds", subject["echo"]["adds"])]


KIND = Kind("echo", "echo", recipe, words)
''',
        "scripts/models/echo.py": '''
"""What an echo says to a draw: a number, and a time of day where it says one."""

from hashlib import sha256

from scripts.models.kind import decoded


def texts(job, draws):
    def engine(missing, prompts, settings, seed):
        for key, draw in missing.items():
            number = int(sha256(draw.id.encode()).hexdigest(), 16)
            time = f"{number % 14 + 10}:{number % 50 + 10}"
            text = f"This is item {number % 9999}. " + settings["echo"]["adds"].format(time=time)
            yield {key: {"text": text, "tokens": 9, "finished": True, "seconds": 0.0}}

    return decoded(job, draws, engine, job.params.settings)
''',
    },
    [
        (
            "scripts/workflow/kinds/registry.py",
            "import loaded, recorded, served",
            "import echo, loaded, recorded, served",
        ),
        (
            "scripts/workflow/kinds/registry.py",
            "in (loaded, served, recorded)",
            "in (loaded, served, recorded, echo)",
        ),
        (
            "scripts/workflow/subject_sections.py",
            "    server: Server | None = None\n",
            "    echo: Echo | None = None\n    server: Server | None = None\n",
        ),
        (
            "scripts/workflow/subject_sections.py",
            "from scripts.workflow.kinds.registry",
            "from scripts.workflow.kinds.echo import Echo\nfrom scripts.workflow.kinds.registry",
        ),
        (
            "scripts/models/kinds.py",
            "from scripts.models.decoder",
            "from scripts.models import echo\nfrom scripts.models.decoder",
        ),
        (
            "scripts/models/kinds.py",
            '    "served": served,\n',
            '    "served": served,\n    "echo": echo.texts,\n',
        ),
    ],
)
RULE = Toy(
    {
        "scripts/draws/first.py": '''
"""All to the first region."""


def first(regions, measured, drawn, settings, round_number):
    return {region.id: float(region == regions[0]) for region in regions}
'''
    },
    [
        (
            "scripts/draws/rules.py",
            "from scripts.draws.acquisition",
            "from scripts.draws.first import first\nfrom scripts.draws.acquisition",
        ),
        ("scripts/draws/rules.py", '    "default"', '    "first": first,\n    "default"'),
    ],
)
CHECK = Toy(
    {
        "scripts/checks/clock.py": '''
"""Times of day."""

import regex

TIME = regex.compile(r"\\b\\d\\d:\\d\\d\\b")


def tells_time(text: str) -> bool:
    return TIME.search(text) is not None
'''
    },
    [
        (
            "scripts/checks/features.py",
            "from scripts.checks.language",
            "from scripts.checks.clock import tells_time\nfrom scripts.checks.language",
        ),
        (
            "scripts/checks/features.py",
            "]  # fmt: skip\nFEATURES",
            '    ("time", "time", "tell a time of day", "tells a time of day", tells_time),\n'
            "]  # fmt: skip\nFEATURES",
        ),
    ],
)
SECTION = Toy(
    {
        "scripts/page/sections/weather.py": '''
"""The weather."""

from scripts.page.section import Section


def context(report):
    return {"sky": "<b>over " + report.audit.audit}


TEMPLATE = "<p>It is clear {{ sky }}, after {{ counts.draws | count }} draws.</p>"
SECTION = Section("weather", "The weather", "Weather", context, TEMPLATE)
'''
    },
    [
        ("scripts/page/sections/registry.py", "    text_map,\n)", "    text_map,\n    weather,\n)"),
        (
            "scripts/page/sections/registry.py",
            "costs, reproduce,\n",
            "costs, weather, reproduce,\n",
        ),
    ],
)
TOYS = [PROVIDER, READER, KIND, RULE, CHECK, SECTION]


def plug(folder: Path, toy: Toy) -> None:
    for name, text in toy.files.items():
        assert not (folder / name).exists()
        (folder / name).write_text(text.lstrip())
    for name, old, new in toy.lines:
        table = (folder / name).read_text()
        assert table.count(old) == 1, f"{name}: {old!r}"
        (folder / name).write_text(table.replace(old, new))


def audit_of_echoes(adds: str, encoder: str, **more) -> dict:
    return {
        "bank": "lines",
        "base": "plain",
        "intervention": {"echo": {"adds": adds}},
        "regions": {"method": "category"},
        "embed": {"model": encoder},
        "plan": {"pilot": 6, "draws": 24, "rule": "first"},
        "measure": {"rounds": 2, "promising": 1.0, "ari": 1.0, "silhouette": 0.0},
    } | more


@pytest.fixture(scope="module")
def audited(tmp_path_factory, tiny) -> Path:
    """A workflow with all toys, and what its two audits left."""
    folder = copy_workflow(tmp_path_factory.mktemp("plugged") / "work")
    for toy in TOYS:
        plug(folder, toy)
    prompts = [
        f"{topic} | {form.format(thing=thing)}\n"
        for topic, things in TOPICS.items()
        for thing in things
        for form in FORMS
    ]
    (folder / "bank.pipes").write_text("".join(prompts))
    with Loopback() as server:
        plain = {"provider": "plain", "base_url": server.openai}
        audits = {
            "local": audit_of_echoes("{time}", tiny["encoder"]),
            "asked": audit_of_echoes("purple elephants", tiny["encoder"], assistant=plain),
        }
        config = {
            "subjects": {"plain": {"echo": {}}},
            "banks": {"lines": {"sources": [{"path": "bank.pipes"}]}},
            "audits": audits,
        }
        write_config(folder, config)
        snakemake(folder, "--cores", "all")
    return folder


def published(folder: Path, audit: str, file: str) -> Path:
    return folder / "results/audits" / audit / file


def findings_of(folder: Path, audit: str) -> list[dict]:
    return read_lines(published(folder, audit, "findings.jsonl"))


def imports_of(folder: Path, stage: str) -> frozenset[str]:
    return local_imports(DigestIndex("/dev/null"), folder, f"scripts/{stage}.py")


def test_a_provider_writes_and_judges(audited):
    validated = [f for f in findings_of(audited, "asked") if f["status"] == "validated"]
    assert any("elephants" in finding["statement"] for finding in validated)
    costs = json.loads(published(audited, "asked", "costs.json").read_text())
    assert set(costs["total"]["full"]["requests"]) == {"small", "large"}, "the provider's defaults"
    assert "scripts/assistants/plain.py" in imports_of(audited, "confirm")


def test_a_reader_reads_a_bank(audited):
    bank = json.loads(published(audited, "local", "audit.json").read_text())["bank"]
    assert bank["prompts"] == 320 and set(bank["categories"]) == set(TOPICS)


def test_a_kind_of_subject_decodes(audited):
    page = published(audited, "local", "report.html").read_text()
    assert "an echo that adds <code>{time}</code>" in page
    pairs = [pair for f in findings_of(audited, "local") for pair in f["evidence"]]
    assert pairs and all(pair["base"].startswith("This is item") for pair in pairs)
    assert "scripts/models/echo.py" in imports_of(audited, "decode")
    assert "scripts/workflow/kinds/echo.py" not in imports_of(audited, "decode")


def test_an_acquisition_rule_plans_a_round(audited):
    plans = sorted((audited / "results/plan").glob("*/round-1.jsonl"))
    assert len(plans) == 2
    for plan in plans:
        rows = read_lines(plan)
        assert len(rows) == 24 and {row["region"] for row in rows} == {"r000"}


def test_a_check_becomes_a_finding(audited):
    found = {f["statement"]: f for f in findings_of(audited, "local")}
    (told,) = [f for f in found.values() if (f["check"] or {}).get("feature") == "time"]
    assert told["status"] == "validated" and "time of day" in told["statement"]


def test_a_section_stands_in_the_report(audited):
    page = published(audited, "local", "report.html").read_text()
    assert '<li><a href="#weather">Weather</a></li>' in page
    assert page.index('<section id="costs">') < page.index('<section id="weather">')
    assert "It is clear &lt;b&gt;over local, after" in page


@pytest.mark.parametrize("field", ["assistant.provider", "plan.rule", "bank.format", "base.kind"])
def test_what_the_configuration_takes_follows_from_the_tables(audited, field):
    code = "import json, scripts.workflow.config as c; print(json.dumps(c.json_schema()))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=audited, capture_output=True, text=True, check=True
    )
    sections = json.loads(done.stdout)["$defs"]
    if field == "base.kind":
        assert "echo" in sections["Subject"]["properties"]
        return
    section, name, toy = {
        "assistant.provider": ("Assistant", "provider", "plain"),
        "plan.rule": ("Plan", "rule", "first"),
        "bank.format": ("Source", "format", "pipes"),
    }[field]
    assert toy in sections[section]["properties"][name]["enum"]
