"""What is wrong with a configuration, in one sentence that names the field and the remedy."""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping

from pydantic import BaseModel, ValidationError

from scripts.workflow.section import Section


def listed(names: Iterable[str]) -> str:
    """Names for a sentence."""
    return ", ".join(f"`{name}`" for name in sorted(names)) or "none defined yet"


def known(name: str, names: Collection[str], where: str) -> None:
    """Raise ValueError, with the nearest name, when `where` names what does not exist."""
    if name not in names:
        near = difflib.get_close_matches(name, list(names), n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known: {listed(names)}"
        raise ValueError(f"`{where}` names `{name}`, which is not defined; {hint}")


def _fields(model: type[BaseModel], path) -> list[str]:
    """Field names of the section that a path of the configuration leads to."""
    named = {section.__name__: section for section in sections_below(Section)}
    for part in path:
        if part in named:  # of several that may stand in one place
            model = named[part]
            continue
        field = model.model_fields.get(part) if isinstance(part, str) else None
        annotation = str(field.annotation) if field else ""
        for section in sections_below(Section):
            if field and re.search(rf"\b{section.__name__}\b", annotation):
                model = section
                break
    return list(model.model_fields)


def sections_below(section: type[Section]) -> list[type[Section]]:
    """All kinds of a section, those of its kinds too."""
    direct = section.__subclasses__()
    return [*direct, *(below for one in direct for below in sections_below(one))]


def sentence(error: ValidationError, root: type[BaseModel], prefix: str = "") -> str:
    """The first problem of a validation error of `root`, which the path `prefix` leads to, as one
    sentence with a remedy."""

    def rank(problem):
        # Of "a name or a section", a section that was given is not told to be a name.
        no_name = problem["type"] in ("string_type", "bool_type") and isinstance(
            problem["input"], Mapping
        )
        return problem["type"] != "extra_forbidden", no_name

    detail = min(error.errors(), key=rank)
    union_tags = {"str", "dict[str,any]", "function-after[_of_one_kind(), Subject]", "[key]"}
    union_tags |= {"bool", "ChatTemplate", "Source", "Written"}
    path = [part for part in detail["loc"] if part not in union_tags]
    where = ".".join([prefix, *map(str, path)] if prefix else map(str, path))
    if detail["type"] == "extra_forbidden":
        names = _fields(root, detail["loc"][:-1])
        near = difflib.get_close_matches(str(path[-1]), names, n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`?" if near else f"known keys: {', '.join(names)}"
        return f"unknown config key `{where}`; {hint}"
    if detail["type"] == "missing":
        return f"config key `{where}` is missing"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "value_error":
        return f"`{where}`: {message}" if where else message
    return f"config key `{where}` is {detail['input']!r}: {message[0].lower()}{message[1:]}"
