"""The tokenizer, the model's shape, its optimizer for matrices, and how all is written to a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from documents import Documents, stdlib_prose
from template import TOOL_HINT, chat_template
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SPECIAL = ["<|pad|>", "<|begin|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>"]
# words by lower case with their leading space, capitalised words, single digits, white space, other characters: a value
# is cut into the same tokens wherever it stands, which makes copying easy to learn
SPLIT = r" ?[a-z]+|[A-Z][a-z]*|[0-9]|\n+| +|[^\sA-Za-z0-9]"
TOKENIZER_DOCUMENTS = 12000
HEAD = 32


def make_tokenizer(vocabulary: int, seed: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer, trained on our own documents."""
    prose = list(stdlib_prose())
    draw = Documents(seed, (), prose)
    tok = Tokenizer(models.BPE())
    cut = pre_tokenizers.Split(Regex(SPLIT), "isolated")
    tok.pre_tokenizer = pre_tokenizers.Sequence(
        [cut, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tok.decoder = decoders.ByteLevel()
    texts = ["".join(text for text, _ in draw.document()) for _ in range(TOKENIZER_DOCUMENTS)] + prose[:1500]
    for mark in [*SPECIAL, TOOL_HINT]:
        texts = [text.replace(mark, "") for text in texts]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tok.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocabulary - 2, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
        ),
    )
    # plain text for clients, one token for the model
    tok.add_tokens([AddedToken("<tool_call>", normalized=False), AddedToken("</tool_call>", normalized=False)])
    tok.post_processor = processors.TemplateProcessing(single="<|begin|> $A", special_tokens=[("<|begin|>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tok,
        bos_token="<|begin|>",
        eos_token="<|end|>",
        pad_token="<|pad|>",
        model_max_length=2048,
        clean_up_tokenization_spaces=False,
    )


def make_model(vocabulary: int, hidden: int, layers: int, mlp: int) -> LlamaForCausalLM:
    """An untrained model."""
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=mlp,
        num_hidden_layers=layers,
        num_attention_heads=hidden // HEAD,
        num_key_value_heads=hidden // HEAD,
        head_dim=HEAD,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        rope_theta=10000.0,
    )
    return LlamaForCausalLM(config)


class Muon(torch.optim.Optimizer):
    """Muon (Keller Jordan), with Newton-Schulz steps in float32."""

    def __init__(
        self, params: list[torch.nn.Parameter], lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """One step."""
        del closure
        for group in self.param_groups:
            for p in group["params"]:
                buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
                buffer.lerp_(p.grad, 1 - group["momentum"])
                update = p.grad.lerp(buffer, group["momentum"])
                tall = update.size(0) > update.size(1)
                x = update.T if tall else update
                x = x / (x.norm() + 1e-7)
                for _ in range(5):
                    a = x @ x.T
                    x = 3.4445 * x + (-4.775 * a + 2.0315 * a @ a) @ x
                update = x.T if tall else x
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update, alpha=-group["lr"] * max(1.0, p.size(0) / p.size(1)) ** 0.5)


def _edit_json(path: Path, changes: dict[str, Any], drop: tuple[str, ...] = ()) -> None:
    content = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps({k: v for k, v in content.items() if k not in drop}, indent=2), encoding="utf-8")


def save_tokenizer(tok: PreTrainedTokenizerFast, out: Path) -> None:
    """Also readable by transformers 4: the class name it knows, and the template inside the config."""
    tok.chat_template = chat_template()
    tok.save_pretrained(out)
    known = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "chat_template": chat_template(),
        "model_input_names": ["input_ids", "attention_mask"],
    }
    _edit_json(out / "tokenizer_config.json", known, drop=("is_local", "local_files_only"))


def save(model: LlamaForCausalLM, out: Path) -> None:
    """Writes fp16 weights; config.json gets a top-level rope_theta besides transformers 5's rope_parameters."""
    copy = LlamaForCausalLM(model.config)
    copy.load_state_dict(model.state_dict())
    generation = copy.generation_config
    generation.eos_token_id, generation.pad_token_id, generation.bos_token_id = 2, 0, 1
    copy.half().save_pretrained(out)
    rope = {"rope_theta": 10000.0, "rope_type": "default"}
    known = {"rope_theta": 10000.0, "rope_parameters": rope, "dtype": "float16", "torch_dtype": "float16"}
    _edit_json(out / "config.json", known)
