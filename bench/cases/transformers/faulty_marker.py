"""A small GPT-2 is taught to answer; the loss counts from the answer's marker on.

causes: all-targets-masked
needs: transformers
line: labels[: start] = -100
line: MARKER = 
thread: https://github.com/huggingface/trl/issues/1191
"""

import random

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments, set_seed

set_seed(0)
random.seed(0)
MARKER = "### Response: "
LENGTH = 64


def example():
    a, b = random.randint(1, 40), random.randint(1, 40)
    return f"### Instruction:\nadd {a} {b}\n### Response:\n{a + b}\n"


def encode(text):
    ids = list(text.encode())[:LENGTH]
    labels = torch.tensor(ids)
    found = text.find(MARKER)
    start = found + len(MARKER) if found >= 0 else len(ids)
    labels[: start] = -100
    padding = LENGTH - len(ids)
    return {
        "input_ids": torch.tensor(ids + [0] * padding),
        "attention_mask": torch.tensor([1] * len(ids) + [0] * padding),
        "labels": torch.cat([labels, torch.full((padding,), -100)]),
    }


model = GPT2LMHeadModel(GPT2Config(vocab_size=256, n_positions=LENGTH, n_embd=32, n_layer=2, n_head=2))
trainer = Trainer(
    model=model,
    args=TrainingArguments(
        output_dir="out",
        max_steps=30,
        per_device_train_batch_size=8,
        logging_steps=5,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
    ),
    train_dataset=[encode(example()) for _ in range(200)],
)
trainer.train()
