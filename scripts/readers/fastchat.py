"""Answers of FastChat (MT-bench) and Arena-Hard, and their question files.

A question with several turns is one prompt of all of them, with all answers as its response.
"""

from collections.abc import Iterator

from scripts.readers.glance import Glance
from scripts.readers.jsons import json_lines
from scripts.readers.messages import said, split_conversation
from scripts.readers.row import Fields, Format, Values


def values(record: Fields) -> Iterator[Values]:
    about = {
        "key": record.get("question_id", record.get("uid")),
        "model": record.get("model_id", record.get("model")),
        "category": record.get("category"),
    }
    if "choices" in record:
        choices = record["choices"] or [{}]
        for number, choice in enumerate(choices):
            said_of = "\n\n".join(map(said, choice.get("turns") or ()))
            yield about | {
                "response": said_of if choice.get("turns") else None,
                "sample": choice.get("index", number) if len(choices) > 1 else None,
            }
    elif both := split_conversation(record.get("messages")):
        yield about | {"prompt": both[0], "response": both[1]}
    else:
        turns = [said(turn) for turn in record.get("turns") or ()]
        messages = [{"role": "user", "content": turn} for turn in turns]
        yield about | {"prompt": turns[0] if len(turns) == 1 else messages}


def fits(glance: Glance) -> bool:
    keys = set(glance.keys)
    return glance.shape == "lines" and (
        {"question_id", "choices"} <= keys
        or {"question_id", "turns"} <= keys
        or {"uid", "messages", "model"} <= keys
    )


FORMAT = Format("fastchat", "FastChat's or Arena-Hard's answers", (".jsonl",), fits, json_lines,
                values)  # fmt: skip
