"""Files of recorded responses, and what is read of them."""

import json

from banks import write

from scripts.readers.reading import Reading
from scripts.workflow.subject_sections import Responses


def responses(path, **given):
    """The rows of a file of responses."""
    return list(Reading(Responses(path=str(path), **given).model_dump(), "response"))


def pairs(path, **given):
    """Prompt and response of each row of a file."""
    return [(row.prompt, row.response) for row in responses(path, **given)]


def document(path, value):
    return write(path, json.dumps(value))
