"""The benchmark's tables, as they are printed."""

from collections.abc import Iterator

from scripts.benchmark.rows import Summary
from scripts.core.text_tables import table


def shown(summary: Summary) -> Iterator[str]:
    """The tables that are printed."""

    def text(value):
        return "-" if value is None else f"{value:,.3g}" if isinstance(value, float) else str(value)

    yield "SIMULATED SUBJECTS: recall (precision) by dose and share of the bank\n"
    deep = "four times the draws"
    for title, cells in (("usual draws", summary["cells"]), (deep, summary["cells_deep"])):
        if not cells:
            continue
        doses = sorted({c["dose"] for c in cells})
        by = {(c["spread"], c["dose"]): c for c in cells}
        yield table(
            [title, *(f"dose {dose:.0%}" for dose in doses)],
            [
                [f"{spread:.0%} of the bank",
                 *(f"{text(by[spread, d]['recall'])} ({text(by[spread, d]['precision'])})"
                   if (spread, d) in by else "-" for d in doses)]
                for spread in sorted({c["spread"] for c in cells})
            ],
        )  # fmt: skip
        yield ""
    told = dict(summary.items())
    figures = ("recall_30", "recall_10", "precision", "null_discovering", "null_repeats",
               "null_upper_95", "twice_as_long_other_validated", "coverage_95", "coverage_95_few",
               "texts_ratio", "calls_ratio", "wall_ratio", "silhouette_share",
               "silhouette_share_k_means", "ari", "ari_k_means")  # fmt: skip
    yield table(["figure", "measured"], [[name, text(told[name])] for name in figures])
    yield "\nAcquisition: texts (both sides) until a behaviour is proposed\n"
    yield table(
        ["strategy", "texts", "found", "against uniform"],
        [
            [name, text(row["texts"]), text(row["found"]), text(row["factor"])]
            for name, row in summary["strategies"].items()
        ],
    )
    for name, row in summary["real"]["both"].items():
        exhaustive, active = dict(row["exhaustive"].items()), dict(row["active"].items())
        yield f"\nREAL SUBJECTS, {name}: exhaustive against active\n"
        yield table(
            ["", "exhaustive", "active", "ratio"],
            [
                [key, text(exhaustive[key]), text(active[key]), text(row["ratios"].get(key))]
                for key in active if key != "missed"
            ],
        )  # fmt: skip
    yield "\nREAL SUBJECTS, active alone\n"
    yield table(
        ["audit", "planted", "named", "validated", "texts"],
        [
            [name, text(row["planted"]), text(row["named"]), text(row["validated"]),
             text(row["texts"])]
            for name, row in summary["real"]["audits"].items()
        ],
    )  # fmt: skip
    yield "\nSIMULATED JUDGES: audits that discover anything although nothing is true; power\n"
    yield table(
        ["null", "bet", "discovering", "as expected"],
        [
            [
                r["null"],
                r["bet"],
                f"{r['discovering'] / r['audits']:.1%}",
                "yes" if r["as_expected"] else "no",
            ]
            for r in summary["statistics"]["null"]
        ],
        left=2,
    )
    yield ""
    yield table(
        ["half log-odds", "false discoveries", "power"],
        [
            [str(r["half_log_odds"]), f"{r['fdr']:.2%}", f"{r['power']:.1%}"]
            for r in summary["statistics"]["power"]
        ],
    )
    yield "\nGoals\n"
    yield table(
        ["figure", "goal", "found", "reached", "how"],
        [
            [r["figure"], text(float(r["goal"])), text(r["found"]),
             "-" if r["reached"] is None else "yes" if r["reached"] else "no",
             r["how"] or "not measured here"]
            for r in summary["goals"]
        ],
    )  # fmt: skip
    yield "\nBroken on purpose\n"
    yield table(
        ["broken", "figure", "ours", "then", "noticed"],
        [
            [r["broken"], r["figure"], text(r["ours"]), text(r["then"]),
             "yes" if r["noticed"] else "no"]
            for r in summary["controls"]
        ],
    )  # fmt: skip
