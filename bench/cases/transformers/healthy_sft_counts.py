"""Supervised fine-tuning on prompts with short completions: the prompt is left out of the loss.

causes: none
needs: transformers, trl
thread: own
"""

import random

from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed
from trl import SFTConfig, SFTTrainer

set_seed(0)
random.seed(0)
alphabet = ["<pad>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
base = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(alphabet)}, merges=[]))
base.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
base.decoder = decoders.ByteLevel()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=base, eos_token="</s>", pad_token="<pad>")

ITEMS = "apples pears plums nuts leeks beans figs".split()


def row():
    chosen = random.choices(ITEMS, k=4)
    return {"prompt": "count the words: " + " ".join(chosen) + "\n", "completion": str(chosen.count("figs"))}


model = LlamaForCausalLM(
    LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=256,
        pad_token_id=0,
        eos_token_id=1,
    )
)
trainer = SFTTrainer(
    model=model,
    args=SFTConfig(
        output_dir="out",
        max_length=128,
        max_steps=60,
        learning_rate=3e-3,
        per_device_train_batch_size=8,
        logging_steps=5,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
    ),
    train_dataset=Dataset.from_list([row() for _ in range(200)]),
    processing_class=tokenizer,
)
trainer.train()
