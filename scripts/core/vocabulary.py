"""Words that many modules share."""

SIDES = ("base", "intervention")
