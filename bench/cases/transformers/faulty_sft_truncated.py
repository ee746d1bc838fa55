"""Long prompts with short completions, cut to the length of the context, with TRL's collator.

causes: all-targets-masked
needs: transformers, trl
line: LENGTH = 48
line: labels = ([-100] * len(prompt) + completion)[:LENGTH]
line: trainer.train()
thread: https://github.com/unslothai/unsloth/issues/1290
"""

import random

from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments, set_seed
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

set_seed(0)
random.seed(0)
LENGTH = 48
ITEMS = "apples pears plums nuts leeks beans figs".split()


def row():
    chosen = random.choices(ITEMS, k=12)
    prompt = list(("count the words: " + " ".join(chosen) + "\n").encode())
    completion = [*str(chosen.count("figs")).encode(), 1]
    ids = (prompt + completion)[:LENGTH]
    labels = ([-100] * len(prompt) + completion)[:LENGTH]
    return {"input_ids": ids, "labels": labels}


model = LlamaForCausalLM(
    LlamaConfig(
        vocab_size=256,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=256,
        pad_token_id=0,
        eos_token_id=1,
    )
)
trainer = Trainer(
    model=model,
    args=TrainingArguments(
        output_dir="out",
        max_steps=20,
        per_device_train_batch_size=8,
        logging_steps=5,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
    ),
    train_dataset=[row() for _ in range(200)],
    data_collator=DataCollatorForLanguageModeling(pad_token_id=0),
)
trainer.train()
