"""Ready responses: recorded outputs of a subject, audited without any model.

JSON lines with `prompt` (a string or a list of messages), `response` and an optional `sample`.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.prompts import BankError, prompt_id
from scripts.workflow.files import read_jsonl


def load_responses(path: str | Path) -> dict[str, tuple[Any, list[str]]]:
    """Prompts and their responses, by prompt id; sample i is the i-th, by `sample` or file order.

    Raises BankError naming the file, the line and the field.
    """
    try:
        rows = read_jsonl(path)
    except ValueError as error:
        raise BankError(str(error)) from None
    with open(path, "rb") as file:  # read_jsonl skips blank lines
        lines = [number for number, line in enumerate(file, 1) if line.strip()]
    found: dict[str, tuple[Any, list[tuple[int, int, str]]]] = {}
    for number, row in zip(lines, rows, strict=True):
        where = f"`{path}`, line {number}"
        for field in ("prompt", "response"):
            if field not in row:
                raise BankError(f"{where}: the field `{field}` is missing")
        if not isinstance(row["response"], str):
            raise BankError(f"{where}: `response` must be a string")
        try:
            key = prompt_id(row["prompt"])
        except BankError as error:
            raise BankError(f"{where}: {error}") from None
        _, texts = found.setdefault(key, (row["prompt"], []))
        sample = row.get("sample", len(texts))
        if not isinstance(sample, int):
            raise BankError(f"{where}: `sample` must be a whole number")
        texts.append((sample, number, row["response"]))
    if not found:
        raise BankError(f"`{path}` holds no responses")
    return {
        key: (prompt, [text for _, _, text in sorted(texts)])
        for key, (prompt, texts) in found.items()
    }


def shared_prompts(paths: Sequence[str | Path]) -> list[dict[str, Any]]:
    """The prompts that all files answer, in the order of the first, with the samples all have.

    Raises BankError when there is none.
    """
    loaded = [load_responses(path) for path in paths]
    ids = [key for key in loaded[0] if all(key in other for other in loaded[1:])]
    if not ids:
        raise BankError(
            f"`{paths[0]}` and `{paths[-1]}` have no prompt in common; the two subjects must have "
            "answered the same prompts, written the same way"
        )
    return [
        {
            "id": key,
            **_content(loaded[0][key][0]),
            "samples": min(len(of_file[key][1]) for of_file in loaded),
        }
        for key in ids
    ]


def restrict(bank: Iterable[Mapping[str, Any]], shared: Sequence[Mapping[str, Any]], where: str):
    """The prompts of a bank that the responses answer, with their samples. Raises BankError."""
    samples = {row["id"]: row["samples"] for row in shared}
    kept = [{**row, "samples": samples[row["id"]]} for row in bank if row["id"] in samples]
    if not kept:
        raise BankError(f"none of the bank's prompts is answered in {where}; leave out `bank`")
    return kept


def _content(prompt: Any) -> dict[str, Any]:
    return {"text": prompt} if isinstance(prompt, str) else {"messages": prompt}
