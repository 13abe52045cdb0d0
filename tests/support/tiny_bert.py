"""Configuration and vocabulary of a BERT that is as small as can be."""

from pathlib import Path

import torch
import transformers

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def vocabulary(folder: Path, *words: str) -> Path:
    """A file of tokens for `transformers.BertTokenizer`."""
    (folder / "vocab.txt").write_text("\n".join([*SPECIAL, *words]), encoding="utf-8")
    return folder / "vocab.txt"


def tiny_bert(
    words: int, num_hidden_layers: int = 1, initializer_range: float = 0.5, **more
) -> transformers.BertConfig:
    """Of a model whose random weights, from the seed 0, come next."""
    torch.manual_seed(0)
    return transformers.BertConfig(
        vocab_size=words,
        num_hidden_layers=num_hidden_layers,
        initializer_range=initializer_range,
        hidden_size=32,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        **more,
    )
