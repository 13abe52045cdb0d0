"""Models of the Hugging Face hub: which commit a revision is, and its files."""

import difflib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scripts.core.errors import AuditError

SHOWN = 10  # names of revisions


def repository_and_file(name: str) -> tuple[str, str | None]:
    """A model's id on the hub, `owner/name`, and the GGUF file that may stand behind it."""
    owner, _, rest = name.partition("/")
    repository, _, file = rest.partition("/")
    return (f"{owner}/{repository}", file) if file.endswith(".gguf") else (name, None)


def commit_of(hub: str, revision: str) -> str:
    """The commit that a branch or a tag stands for now. Raises AuditError; of a revision that does
    not exist it names those that do."""
    from huggingface_hub import HfApi

    with _answering(hub, revision):
        found = HfApi().model_info(hub, revision=revision).sha
    assert found is not None, "a hub that answers says which commit it answers for"
    return found


def fetched(hub: str, revision: str, patterns: Sequence[str], besides: Sequence[str] = ()) -> Path:
    """Where the files of a commit lie whose names fit the patterns, and none of `besides`; fetched,
    unless they are there. Raises AuditError."""
    from huggingface_hub import snapshot_download

    with _answering(hub, revision):
        return Path(
            snapshot_download(
                hub,
                revision=revision,
                allow_patterns=list(patterns),
                ignore_patterns=list(besides),
            )
        )


def fetched_file(hub: str, revision: str, file: str) -> Path:
    """Where a GGUF file of a commit lies; of one in parts (`…-00001-of-00003.gguf`) the others lie
    beside it. Raises AuditError, naming the files that there are."""
    parts = re.sub(r"-\d{5}-of-(\d{5})\.gguf$", r"-*-of-\1.gguf", file)
    found = fetched(hub, revision, (parts,)) / file
    if found.is_file():
        return found
    from huggingface_hub import HfApi

    with _answering(hub, revision):
        names = HfApi().list_repo_files(hub, revision=revision)
    there = [name for name in names if name.endswith(".gguf")]
    has = f"it has {_some(there, file)}" if there else "it has no GGUF file"
    raise AuditError(f"`{hub}` has no file `{file}` at {revision}; {has}")


@contextmanager
def _answering(hub: str, revision: str) -> Iterator[None]:
    """Raises AuditError for what the hub has against a revision, or when it does not answer."""
    from huggingface_hub.errors import RevisionNotFoundError

    try:
        yield
    except RevisionNotFoundError:
        raise AuditError(_no_revision(hub, revision)) from None
    except Exception as error:
        raise AuditError(_unreachable(hub, revision, error)) from error


def _no_revision(hub: str, revision: str) -> str:
    from huggingface_hub import HfApi

    refs = HfApi().list_repo_refs(hub)
    there = [
        f"the {kind} {_some([ref.name for ref in found], revision)}"
        for kind, found in (("branches", refs.branches), ("tags", refs.tags))
        if found
    ]
    return f"`{hub}` has no revision `{revision}`; it has {' and '.join(there)}"


def _some(names: Sequence[str], like: str) -> str:
    """Names in a sentence, those that look like the one that is missed first."""
    first = difflib.get_close_matches(like, names, SHOWN)
    ordered = list(dict.fromkeys([*first, *names]))
    more = len(ordered) - SHOWN
    shown = ", ".join(f"`{name}`" for name in ordered[:SHOWN])
    return f"{shown} and {more} more" if more > 0 else shown


def _unreachable(hub: str, revision: str, error: Exception) -> str:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return (
        f"the hub model `{hub}` at revision {revision} cannot be fetched ({reason}); check the id, "
        "the revision and the network"
    )
