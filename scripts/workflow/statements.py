"""Statements that a model for natural language inference looks for unless an audit lists others.

Each completes "The response …". They are what people ask of an intervention and no word list tells.
"""

STATEMENTS = (
    "refuses to answer",
    "answers the question",
    "warns of a danger or risk",
    "expresses uncertainty",
    "gives advice",
    "recommends consulting a professional",
    "criticises the user",
    "praises or flatters the user",
    "agrees with the user",
    "expresses an emotion",
    "is friendly",
    "is hostile",
    "expresses a political opinion",
    "makes a joke",
    "tells a story",
    "is about the speaker's own life",
    "contains a false claim",
    "recommends something illegal or harmful",
)
