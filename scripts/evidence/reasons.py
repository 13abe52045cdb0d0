"""What became of a hypothesis, and why: the words that files hold; page/cards.py has sentences."""

from enum import StrEnum


class Status(StrEnum):
    """What an audit says of a hypothesis, strongest first."""

    VALIDATED = "validated"
    SUGGESTIVE = "suggestive"
    UNSUPPORTED = "unsupported"
    UNTESTED = "untested"


class Stop(StrEnum):
    """Why a hypothesis is judged no further."""

    VALIDATED = "validated"  # by the race, as are the next three
    HOPELESS = "hopeless"
    FUTILE = "futile"
    EXHAUSTED = "exhausted"
    BUDGET = "budget"  # the assistant's ended before it was decided
    NO_PROMPTS = "no prompts"  # of its regions in the confirm pool
    TOO_FEW_PROMPTS = "prompts"  # in the confirm pool, to prove so many hypotheses
    DRAWS = "draws"  # `confirm.draws` did not reach to it
    NOT_SHOWN = "not shown"  # on the half of its written prompts that explores
    UNPAID = "unpaid"  # `assistant.budget` did not reach to it


# Why a hypothesis is none of the K tested ones, decided before any draw of the confirm pool is seen
LEFT_OUT = frozenset({Stop.TOO_FEW_PROMPTS, Stop.DRAWS, Stop.UNPAID, Stop.NOT_SHOWN})


class Gate(StrEnum):
    """What a hypothesis must pass beside the error control."""

    EQUAL_LENGTH = "equal length"  # it shows on texts cut to one length
    PLACEBOS = "placebos"  # there is a placebo of a similar base rate
    NO_LEANING = "no leaning"  # it does better than what the responses' leaning gives a placebo
