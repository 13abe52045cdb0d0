"""Figures: the same each time, and inert."""

import xml.etree.ElementTree as ElementTree

import pytest
from reported import (
    HOSTILE,
    UNSEEN,
    Reader,
    behaviours_of,
    context,
    directed,
    finding,
    measured,
    region,
)

from scripts.page.cards import entries
from scripts.page.figures import figures, region_labels, standing_out


def test_figures_are_the_same_every_time(tmp_path):
    values = context()
    arguments = values["regions"], values["rounds"], values["points"]
    shown = entries(values["behaviours"], values["findings"]), values["separability"]
    first, again = (figures(*arguments, tmp_path / name, *shown) for name in "ab")
    assert first == again
    assert set(first) == {"map", "divergence", "rounds", "behaviours", "apart"}
    for name, svg in first.items():
        file = (tmp_path / "a" / f"{name}.svg").read_bytes()
        assert file == (tmp_path / "b" / f"{name}.svg").read_bytes()
        root = ElementTree.fromstring(file)
        assert root.get("width") == "100%" and root.get("role") == "img" and root.get("viewBox")
        assert svg.startswith("<svg") and "style=" not in svg and "<style" not in svg
    assert len(list((tmp_path / "a").iterdir())) == 5  # no temporary file is left


def test_ids_of_all_figures_differ_and_every_reference_is_met(page):
    reader = Reader(page)
    assert len(reader.ids) == len(set(reader.ids))
    targets = {
        value.removeprefix("#").removeprefix("url(#").removesuffix(")")
        for _, name, value in reader.attributes
        if (name in ("href", "clip-path")) and value.startswith(("#", "url(#"))
    }
    assert targets and targets <= set(reader.ids)


def test_figures_say_what_they_show(page):
    for name in ("map", "divergence", "rounds", "behaviours", "apart"):
        assert f'aria-labelledby="figure-{name}-title figure-{name}-desc"' in page
    assert "currentColor" in page


@pytest.mark.parametrize("rounds", [0, 1])
@pytest.mark.parametrize("regions", [0, 1, 46])
def test_figures_of_little_and_much(tmp_path, rounds, regions):
    values = context()
    many = [region(number, divergence=0.0, p=1.0, error=1.0) for number in range(regions)]
    drawn = figures(many, values["rounds"][:rounds], [], tmp_path)
    for svg in drawn.values():
        ElementTree.fromstring(svg)
    assert all(f"topic {number}<" in drawn["divergence"] for number in range(regions))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_is_only_text_in_a_figure(tmp_path, text):
    named = [region(0, name=text, category_share=0.0), region(1, category=text)]
    drawn = figures(named, [], [], tmp_path)
    root = ElementTree.fromstring((tmp_path / "divergence.svg").read_bytes())
    assert set(drawn) == {"map", "divergence", "rounds"}, "nothing else to draw"
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "g", "defs", "path", "use", "text", "clipPath", "rect"}
    assert not UNSEEN.search(drawn["divergence"])


def test_behaviours_are_drawn_in_what_they_are_measured_in(tmp_path):
    found = [finding(1, "validated"), measured(2), directed(3), finding(4, "validated", auc=None)]
    shown = entries(behaviours_of(found, [[f.id] for f in found]), found)
    drawn = figures([], [], [], tmp_path, shown)["behaviours"]
    for words in ("b1: say “beware 1”", "128 instead of 231 words", "no rate: it compares"):
        assert words in drawn
    assert "b3: read more like" in drawn and "b4" not in drawn
    assert "apart" not in figures([], [], [], tmp_path, shown)


def test_labels_tell_regions_of_one_category_apart():
    named = [
        region(0, category="books", name="novel, author"),
        region(1, category="books", name="novel, poem"),
        region(2, category="other"),
        region(3, category_share=0.5),
        region(4, category="cars"),
    ]
    assert list(region_labels(named).values()) == [
        "books (author)", "books (poem)", "word2, other2, third2", "word3, other3, third3", "cars",
    ]  # fmt: skip


def test_what_stands_out_passes_benjamini_and_hochberg():
    rows = [region(i, p=p) for i, p in enumerate([0.04, 0.001, 0.02, 0.5])]
    assert standing_out(rows) == {"r001", "r002"}
    assert standing_out([]) == set()
