"""What a planted adapter is known by in the record cache: its content, not what trained it.

The key of the stage that trains it hashes code. Texts that were kept under it would all be decoded
again after any edit there, though the adapter comes out the same.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from scripts.core.digests import digest, file_digest
from scripts.core.files import JsonObject, read_json
from scripts.models.adapter import CONFIG, WEIGHTS

# Of an adapter's configuration, what changes nothing that it does: places and versions.
BESIDE = {"base_model_name_or_path", "revision", "peft_version", "auto_mapping", "inference_mode"}


def content_of(adapter: Path) -> str:
    """Digest of what an adapter does to a model: its weights, and how they are applied."""
    return digest(file_digest(adapter / WEIGHTS), _applied(adapter / CONFIG))


def _applied(file: Path) -> JsonObject:
    """What is set of a configuration. PEFT writes sets of layers in an order that varies, and with
    each version more fields that are at rest."""
    config = {name: value for name, value in read_json(file).items() if name not in BESIDE}
    return {n: sorted(v) if isinstance(v, list) else v for n, v in config.items() if v}


def known_by(subject: str, descriptions: Iterable[str | os.PathLike[str]]) -> str:
    """The digest by which a subject's texts are found, from the one that is known before anything
    runs and from what describes its adapters. Without a planted one it is the same."""
    contents = [read_json(description).get("content") for description in descriptions]
    trained = [content for content in contents if content is not None]
    return digest(subject, trained) if trained else subject
