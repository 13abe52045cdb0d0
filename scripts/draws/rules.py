"""The acquisition rules by name: `plan.rule` selects one, and the benchmark compares them all.

A new rule is a function here, or of a module beside, and its name in the table.
"""

from scripts.draws.acquisition import Rule, four_parts, proportional_to, with_parts

RULES: dict[str, Rule] = {
    "uniform": proportional_to(lambda region, found: 1.0, floor=0.0),
    "proportional": proportional_to(lambda region, found: region.weight, floor=0.0),
    "ucb": proportional_to(lambda region, found: found.divergence + 2 * found.error),
    "thompson": with_parts(boundary=0.0, undersampled=0.0),
    "neyman": proportional_to(lambda region, found: region.weight * found.deviation),
    "classifier-score": proportional_to(lambda region, found: found.divergence),
    "peak-score": proportional_to(lambda region, found: found.peak - 1),
    "boundary": with_parts(boundary=0.8, undersampled=0.0),
    "default": four_parts,
}
