"""Checkpoints in folders and at a hub of the loopback, and what a model makes of them."""

import json
import subprocess
import sys
from pathlib import Path

FIRST, LAST = "a" * 40, "b" * 40
TINY = "lab/tiny"
PLAIN = {"dtype": "float32", "trust_remote_code": False, "chat_template": True}


def subjects(**given):
    """A configuration with these subjects, of which audits use the first."""
    return {
        "subjects": given,
        "banks": {"few": {"sources": [{"path": "few", "format": "templates"}]}},
        "audits": {"one": {"bank": "few", "base": next(iter(given)), "intervention": {}}},
    }


def at_hub(hub, tmp_path):
    """Environment of a process that finds this hub, and nothing of others in its cache."""
    return {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1"}


def provided(settings: dict, hub, tmp_path) -> Path | str:
    """Where a process that knows this hub puts a model, or why it does not."""
    code = (
        "import json, sys\nfrom pathlib import Path\nfrom scripts.core.errors import AuditError\n"
        "from scripts.model import provide\n"
        "try: print(provide(json.loads(sys.argv[1]), {}, Path(sys.argv[2]), None))\n"
        "except AuditError as error: print(f'refused: {error}')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(settings), str(tmp_path)],
        capture_output=True, text=True, env=at_hub(hub, tmp_path), check=True,
    )  # fmt: skip
    said = done.stdout.strip()
    return said if said.startswith("refused: ") else Path(said)


def logits(model):
    """Of the next token after three that are always the same."""
    import torch  # which tests that load no model need not wait for

    with torch.inference_mode():
        return model(torch.tensor([[5, 6, 7]])).logits
