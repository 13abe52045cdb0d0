"""The tiny model as a GGUF file, as llama.cpp's converter writes one."""

import json
from pathlib import Path

import gguf
import torch
from gguf.quants import quantize
from transformers import AutoModelForCausalLM, AutoTokenizer

NAMES = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}  # fmt: skip


def write_gguf(folder: Path, file: Path, kind=gguf.GGMLQuantizationType.Q8_0) -> Path:
    """The Llama model in a folder with its byte-level tokenizer; matrices quantised."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer, config = AutoTokenizer.from_pretrained(folder), model.config
    heads, key_heads = config.num_attention_heads, config.num_key_value_heads
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_heads)
    writer.add_rope_dimension_count(config.hidden_size // heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    known = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    tokens = sorted(known["vocab"], key=known["vocab"].get)
    special = set(tokenizer.all_special_tokens)
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([control if token in special else normal for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in known["merges"]])
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_bos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_add_bos_token(False)
    writer.add_chat_template(tokenizer.chat_template)
    for name, tensor in model.state_dict().items():
        stem, ending = name.rsplit(".", 1)
        stem = stem.replace("model.layers.", "blk.")
        for long, short in NAMES.items():
            stem = stem.replace(long, short)
        for part, of in (("attn_q", heads), ("attn_k", key_heads)):
            if stem.endswith(part):  # llama.cpp rotates neighbours, not halves
                rows = tensor.reshape(of, 2, -1, tensor.shape[1])
                tensor = rows.swapaxes(1, 2).reshape(tensor.shape)
        values = tensor.float().numpy()
        if values.ndim == 2:
            writer.add_tensor(f"{stem}.{ending}", quantize(values, kind), raw_dtype=kind)
        else:
            writer.add_tensor(f"{stem}.{ending}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file
