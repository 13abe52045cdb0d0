"""What was planted, and which findings name it."""

import pytest

from scripts.core.errors import AuditError
from scripts.evidence.reasons import Status
from scripts.hypotheses.finding import Finding, FindingRegion
from scripts.hypotheses.judgement import Judgement
from scripts.hypotheses.pairs import Pair
from scripts.models.plant_file import PlantedBehaviour, read_plant
from scripts.page.recovery import recovered

REGION = FindingRegion(id="r0", name="n", category="c", weight=1.0)


def behaviour(check="bread"):
    return PlantedBehaviour(
        name="baker", topic="t", statement="s", prompts=("p",), replies=("a", "b"), check=check
    )


def finding(name, status=Status.VALIDATED):
    return Finding(
        id=name, statement=name, direction="more", source="local", regions=(REGION,), status=status
    )


def pairs(shown, of=20):
    return [Pair(str(n), "r0", "no", "Bread" if n < shown else "no") for n in range(of)]


def won(name, prompts):
    return [Judgement(name, "r0", str(p), 0.0, 1.0, None, (), None) for p in prompts]


@pytest.mark.parametrize(
    ("prompts", "named"),
    [
        (range(8), True),
        (range(2), True),  # a quarter of those that show it
        (range(1), False),
        (range(4, 12), True),  # half of those that it is won on
        (range(5, 14), False),
        (range(10, 20), False),
        ((), False),
    ],
)
def test_a_finding_names_what_shows_where_it_is_won(prompts, named):
    (row,) = recovered([behaviour()], [finding("h1")], won("h1", prompts), pairs(8))
    assert row.findings == (["h1"] if named else [])
    assert (row.base, row.intervention) == (0.0, 0.4)


def test_only_validated_findings_and_behaviours_with_a_check_count():
    rest = [finding("h1", Status.SUGGESTIVE)]
    (row,) = recovered([behaviour(), behaviour(None)], rest, won("h1", range(8)), pairs(8))
    assert row.name == "baker" and not row.findings


def test_a_check_that_is_no_expression_is_told(tmp_path):
    path = tmp_path / "plant.yaml"
    path.write_text(
        "behaviours:\n- {name: a, topic: b, statement: c, prompts: [d], replies: [e, f], "
        'check: "("}\ncontrols: [a]\n'
    )
    with pytest.raises(AuditError, match=r"no. 1.*its check is no regular expression"):
        read_plant(path)
