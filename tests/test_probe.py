"""Prompts written for hypotheses that the bank tests badly, from the file to the finding."""

import json
import shutil
from collections import Counter

import numpy as np
import pytest
from asked import panel_of, roles_of
from conftest import read_lines, snakemake, tiny_config, write_config
from loopback import Loopback
from regions import a_region

from scripts.assistants.client import Pool, Unusable
from scripts.assistants.judge import prompt_texts
from scripts.assistants.probes import write_prompts
from scripts.assistants.questions.probing import probe_question
from scripts.assistants.roles import Budget, Role
from scripts.assistants.user_file import read_own, read_written
from scripts.checks.check import MeasureCheck, PhraseCheck
from scripts.core.errors import AuditError
from scripts.core.rows import as_json
from scripts.evidence.reasons import Status, Stop
from scripts.hypotheses.hypothesis import Screened, new_hypothesis
from scripts.hypotheses.judgement import Judgement
from scripts.hypotheses.pairs import Net, Pair
from scripts.hypotheses.probe import Written, plan_probes, probes_of, prompts_in
from scripts.judging.confirmation import confirm
from scripts.judging.entries import entries
from scripts.judging.fixed import standing_at
from scripts.judging.local_judge import probed_locally
from scripts.judging.model_judges import confirm_with_models
from scripts.judging.probing import badly_tested
from scripts.prompts.prompt import Prompt, content_id
from scripts.tools.recount import recount
from scripts.workflow.bill import REPEATED, Meter, Probing, sizes

REGIONS = {"r0": a_region(id="r0", name="n", category="c")}
SETTINGS = {
    "q": 0.05, "delta": 0.1, "evidence": 3, "seed": 0, "unit": "prompt", "least_net": 1,
}  # fmt: skip
CONFIRM = {"pool": "confirm", "prompts": 24, "samples": 4, "ready": False}
PLACEBOS = [PhraseCheck(phrases=(word,)) for word in ("river", "stone", "cloud")]


def hypothesis(word="bread", share=0.5, screen=None, check=None):
    check = check or PhraseCheck(phrases=(word,))
    explored = {"r0": Net(3, 0, 10, share)}
    found = new_hypothesis(f"says {word}", "more", "local", ["r0"], check=check, explored=explored)
    return found if screen is None else found.__class__(**vars(found) | {"screen": screen})


def written(count=40, matched=40):
    shows = [Written(f"Which oven bakes best, number {n}?", True) for n in range(count)]
    return shows + [Written(f"Which car is best, number {n}?", False) for n in range(matched)]


def probe(*prompts, bank=(), h=None):
    (found,) = probes_of([(h or hypothesis(), "user", prompts or written())], bank, 0)
    return found


# What is drawn


def test_halves_are_random_and_equal_and_of_either_kind():
    found = probe()
    count = Counter((p.shows, p.half) for p in found.prompts)
    assert set(count.values()) == {20} and len(count) == 4
    numbers = [n for n, p in enumerate(found.prompts[:40]) if p.half == "explore"]
    assert numbers != list(range(20)) and numbers != list(range(0, 40, 2))
    assert found.hypothesis.id != found.of and found.hypothesis.regions == ("p000",)
    assert found.hypothesis.statement.startswith("On prompts like those written for it, the")


def test_repeated_prompts_and_those_of_the_bank_are_left_out_and_counted():
    bank = [Prompt("x", "Which oven bakes best, number 3?")]
    again = Written("which OVEN bakes best — number 7", True)
    found = probe(*written(), again, bank=bank)
    assert (found.repeated, found.in_bank, len(found.prompts)) == (1, 1, 79)
    assert len(prompts_in([found])) == 79 == len({p.id for p in prompts_in([found])})


def test_two_hypotheses_share_no_prompt():
    both = [(hypothesis(), "user", written(20, 0)), (hypothesis("car"), "user", written(30, 0))]
    first, second = probes_of(both, [], 0)
    assert (len(first.prompts), len(second.prompts), second.repeated) == (20, 10, 20)


def test_a_plan_draws_all_samples_where_it_should_show_and_one_where_it_should_not():
    draws = plan_probes([probe()], 3)
    assert Counter(draw.region for draw in draws) == {"p000": 120, "m000": 40}
    assert {draw.pool for draw in draws} == {"probe"}


# Which are probed


@pytest.mark.parametrize(
    ("prompts", "share", "badly"),
    [(24, 0.5, False), (24, 0.05, True), (3, 1.0, True), (0, 1.0, True)],
)
def test_few_prompts_or_a_rare_behaviour_test_badly(prompts, share, badly):
    found = badly_tested([hypothesis(share=share)], {"r0": prompts}, CONFIRM, 10, 0.05, 5)
    assert bool(found) == badly


def test_what_the_screen_speaks_against_is_not_probed_and_the_best_come_first():
    rows = [
        hypothesis(word, 0.05, Screened(prompts=6, wins=wins, losses=losses, share=0.0))
        for word, wins, losses in [("a", 0, 0), ("b", 0, 1), ("c", 2, 0)]
    ]
    rows.append(hypothesis("d", 0.05, check=MeasureCheck(measure="words")))
    found = badly_tested(rows, {"r0": 24}, CONFIRM, 10, 0.05, 5)
    assert [h.statement for h in found] == ["says c", "says a"]
    assert badly_tested(rows, {"r0": 24}, CONFIRM, 10, 0.05, 1) == found[:1]


# What is tested


def pairs_of(probes, says, samples=2):
    """Pairs of all prompts; says(prompt, sample): what the intervention says more."""
    return [
        Pair(draw.prompt, draw.region, "plain words", f"plain words {says(draw)}")
        for draw in plan_probes(probes, samples)
    ]


def confirmed(probes, pairs, settings=SETTINGS):
    probed = probed_locally(probes, pairs, settings)
    placebos = {p.hypothesis.id: PLACEBOS for p in probed}
    return confirm([], placebos, [], REGIONS, settings, probed=probed)


def test_what_shows_on_its_prompts_alone_is_validated_on_the_other_half():
    found = probe()
    pairs = pairs_of([found], lambda draw: "bread" if draw.region == "p000" else "")
    (finding,), judgements = confirmed([found], pairs)
    assert finding.status == Status.VALIDATED and finding.judged == finding.wins == 20
    assert finding.stopped == Stop.EXHAUSTED and finding.rate_intervention.prompts == 20
    probing = finding.probing
    assert (probing.explored.prompts, probing.explored.wins) == (20, 20)
    assert (probing.explored.share, probing.explored.matched) == (1.0, 0.0)
    assert (probing.contrast.prompts, probing.contrast.intervention) == (20, 0.0)
    halves = [content_id(content) for content in (*probing.prompts, *probing.matched)]
    assert halves == [*found.ids("confirm"), *found.ids("confirm", shows=False)]
    assert {j.prompt for j in judgements} == set(found.ids("confirm"))
    assert finding.regions[0].weight == 0.0
    rows = [json.loads(json.dumps(as_json(row))) for row in [finding]]
    assert not list(recount(rows, [as_json(j) for j in judgements], 0.05, True))
    assert [b.findings for b in entries([finding], [], [], REGIONS)] == [(finding.id,)]


@pytest.mark.parametrize("says", [lambda draw: "", lambda draw: "bread"])
def test_what_does_not_show_or_shows_everywhere_does_not_go_on_and_does_not_count(says):
    found = probe()
    (finding,), judgements = confirmed([found], pairs_of([found], says))
    assert (finding.status, finding.stopped) == (Status.UNTESTED, Stop.NOT_SHOWN)
    assert not judgements and finding.probing.explored and not finding.probing.contrast


def test_the_half_that_explores_is_no_evidence():
    found = probe()
    explores = set(found.ids("explore"))
    pairs = pairs_of([found], lambda draw: "bread" if draw.prompt in explores else "")
    (finding,), _ = confirmed([found], pairs)
    assert finding.status == Status.UNSUPPORTED and finding.ties == 20


def test_unlike_prompts_whose_mean_is_nothing_are_false_alarms_in_one_of_twenty_at_most():
    """Given the prompts: half of them mostly win, half mostly lose, as no draw of many would."""
    rng, h, alarms = np.random.default_rng(0), hypothesis(), 0
    for _ in range(2000):
        lean = np.repeat([0.9, -0.9], 10)
        signs = np.where(rng.random(20) < (1 + lean) / 2, 1.0, -1.0)
        judged = [
            Judgement(h.id, "r0", str(n), 0.0, sign, None, (), None) for n, sign in enumerate(signs)
        ]
        alarms += standing_at(h, judged, 20).e >= 20
    assert alarms <= 100


# What a user brings


def own(folder, *rows):
    path = folder / "own.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_a_line_names_its_prompts_beside_the_file(tmp_path):
    check = {"kind": "phrases", "phrases": ["bread"]}
    (line,) = read_own(own(tmp_path, {"check": check, "prompts": "a.jsonl"}), True)
    assert line.prompts == str(tmp_path / "a.jsonl")
    with pytest.raises(AuditError, match="line 1: `prompts` is 3; write the name"):
        read_own(own(tmp_path, {"check": check, "prompts": 3}), True)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"text": "x"}] * 20, "line 1: there is no `prompt`"),
        ([{"prompt": "x", "shows": "no"}], "`shows` is 'no'; write true or false"),
        ([{"prompt": " "}], "the `prompt` is empty"),
        ([{"prompt": 3}], "it is a number; a prompt must be a string"),
        ([{"prompt": "x", "shows": False}] * 20, "0 prompts .* write at least 12"),
    ],
)
def test_prompts_that_cannot_be_used_are_told(tmp_path, rows, expected):
    with pytest.raises(AuditError, match=expected):
        read_written(own(tmp_path, *rows))


# What the author writes

ROLE = Role("author", "openai", "m")


def test_the_author_is_told_the_behaviour_and_what_was_written():
    request, read = probe_question(ROLE, "mentions bread", "more", ["Hi?"], ["Old?"], 2)
    assert "more likely to give a response that mentions bread" in request.prompt
    assert "Hi?" in request.prompt and "Old?" in request.prompt and "Write 2" in request.prompt
    rows = [{"shows": f" a{n} ", "matched": f"b{n}"} for n in range(3)]
    found = read(json.dumps({"prompts": rows}))
    assert found == [Written("a0", True), Written("b0", False), Written("a1", True),
                     Written("b1", False)]  # fmt: skip
    with pytest.raises(Unusable, match="both texts"):
        read(json.dumps({"prompts": [{"shows": "a"}]}))


# With a language model


def about(word):
    return new_hypothesis("s", "more", "assistant", ["r0"], behaviour=f"mentions “{word}”")


def test_the_author_writes_until_there_are_enough_and_a_judge_tests_them(tmp_path):
    bank = [Prompt(f"b{n}", f"An example, number {n}?") for n in range(8)]
    regions = {prompt.id: "r0" for prompt in bank}
    with Loopback() as server, Pool(roles := roles_of(server), tmp_path) as pool:
        author = roles.judges[0]
        given = [about("bread"), about("moon")]
        written = write_prompts(pool, author, given, regions, prompt_texts(bank), 40, 0)
        assert [sum(w.shows for w in prompts) for _, prompts in written] == [40, 40]
        probes = probes_of([(h, author.title, w) for h, w in written], bank, 0)
        assert not any(probe.repeated for probe in probes)

        def says(draw):
            return "bread" if draw.region == "p000" else "moon" if draw.sample else "zebra"

        pairs = pairs_of(probes, says, samples=1)
        texts = prompt_texts([*bank, *prompts_in(probes)])
        findings, judgements, _ = confirm_with_models(
            pool, roles, [], [], texts, REGIONS, SETTINGS | {"placebos": 3},
            written=(probes, pairs),
        )  # fmt: skip
    found = {f.probing.of: f for f in findings}
    bread, moon = (found[h.id] for h in given)
    assert bread.status == Status.VALIDATED and bread.probing.written_by == author.title
    assert (bread.wins, bread.probing.contrast.prompts, bread.placebos) == (20, 20, 3)
    assert moon.stopped == Stop.NOT_SHOWN
    rows = [list(map(as_json, of_one)) for of_one in (findings, judgements)]
    assert not list(recount(*rows, SETTINGS["q"], local=False))


@pytest.mark.parametrize("decide", ["first", "majority"])
def test_the_estimate_of_probing_is_what_a_panel_is_asked(tmp_path, decide):
    """Where a probe goes on and has evidence, so that its matched prompts are judged, too."""
    probes = probes_of([(about("bread"), "user", written())], [], 0)
    pairs = pairs_of(probes, lambda draw: "bread" if draw.region == "p000" else "")
    texts = prompt_texts(prompts_in(probes))
    settings = SETTINGS | {"placebos": 3}
    with Loopback() as server, Pool(roles := panel_of([server] * 3, decide), tmp_path) as pool:
        (finding,), _, _ = confirm_with_models(
            pool, roles, [], [], texts, REGIONS, settings, written=(probes, pairs)
        )
        assert finding.status == Status.VALIDATED and finding.probing.contrast
        bill = Meter(sizes(None, None)).probe(roles.judges[0], roles, Probing(0, 1, 40, 2), 3)
        explored, decided, placebos = 60, 60, 1
        of_others = 2 * (60 if decide == "majority" else 40)
        assert server.attempts == explored + decided + of_others + placebos
        assert bill.high.requests == pytest.approx(REPEATED[0] * server.attempts)


def test_without_money_for_exploring_probes_are_untested(tmp_path):
    probes = probes_of([(about("bread"), "m", written())], [], 0)
    pairs = pairs_of(probes, lambda draw: "bread", samples=1)
    texts = prompt_texts(prompts_in(probes))
    budget = Budget(requests=10)
    with Loopback() as server, Pool(roles := roles_of(server, budget=budget), tmp_path) as pool:
        findings, _, _ = confirm_with_models(
            pool, roles, [], [], texts, REGIONS, SETTINGS | {"placebos": 3},
            written=(probes, pairs),
        )  # fmt: skip
    assert [f.stopped for f in findings] == [Stop.UNPAID]


# A whole audit

CHECKS = [{"check": {"kind": "phrases", "phrases": [word]}} for word in ("violins", "trombones")]


@pytest.fixture(scope="module")
def probed(tmp_path_factory, finished, tiny):
    """A finished audit with two hypotheses of a user's, one of which brings prompts."""
    folder = tmp_path_factory.mktemp("probed") / "work"
    shutil.copytree(finished, folder, symlinks=True)
    rows = [{"prompt": f"Where would you put {n} violins in a room?"} for n in range(24)]
    rows += [{"prompt": f"Where would you put {n} plates?", "shows": False} for n in range(24)]
    rows += [{"prompt": "where would you put 3 VIOLINS, in a room"}]
    (folder / "violins.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    own(folder, CHECKS[0] | {"prompts": "violins.jsonl"}, CHECKS[1])
    write_config(folder, tiny_config(tiny, hypotheses="own.jsonl", probe={"samples": 2}))
    snakemake(folder, "--cores", "all")
    return folder


def test_prompts_of_the_user_s_are_drawn_and_tested(probed):
    findings = read_lines(probed / "results/audits/small/findings.jsonl")
    (finding,) = [f for f in findings if f["probing"]]
    probing = finding["probing"]
    assert (len(probing["prompts"]), len(probing["matched"]), probing["repeated"]) == (12, 12, 1)
    assert probing["explored"]["prompts"] == 12
    of = [f for f in findings if f["id"] == probing["of"]]
    assert len(of) == 1 and of[0]["source"] == "user" and not of[0]["probing"]
    counts = json.loads((probed / "results/audits/small/audit.json").read_text())["counts"]
    assert counts["draws_by_pool"]["probe"] == 2 * (24 * 2 + 24)
    page = (probed / "results/audits/small/report.html").read_text()
    assert "Its prompts were written for it by" in page and "violins in a room?" in page


def test_probing_is_in_the_estimate_and_its_texts_are_exported(probed):
    assert "probe" in snakemake(probed, "estimate", "--cores", "1").stdout
    snakemake(probed, "export", "--cores", "1")
    rows = read_lines(probed / "results/export/small/texts.jsonl")
    assert Counter(row["region"] for row in rows if row["pool"] == "probe") == {
        "prompts written for it": 48, "matched prompts": 24,
    }  # fmt: skip


def test_without_probing_nothing_of_it_is_there(probed, finished):
    assert not (finished / "results/probe").exists()
    keys = [
        {n["stage"]: n["settings"] for n in json.loads(
            (folder / "results/audits/small/audit.json").read_text())["keys"]}
        for folder in (finished, probed)
    ]  # fmt: skip
    assert "probe" not in keys[0] and "least_net" not in keys[0]["confirm"]
    assert keys[1]["probe"]["hypotheses"] == 5


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"hypotheses": None}, "`audits.small.probe` needs a language model that writes prompts"),
        ({"unit": "draw"}, "`audits.small.probe` tests claims on prompts that are written"),
        ({"probe": None}, "own.jsonl`, line 1: its `prompts` are not looked at unless"),
    ],
)
def test_what_cannot_be_probed_is_told(probed, tmp_path, tiny, changes, expected):
    folder = shutil.copytree(probed, tmp_path / "work", symlinks=True)
    write_config(folder, tiny_config(tiny, **{"hypotheses": "own.jsonl", "probe": {}} | changes))
    done = snakemake(folder, "-n", check=False)
    assert done.returncode and expected in done.stdout
