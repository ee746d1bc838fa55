"""A BERT with a language-modelling head is trained to write shell commands.

causes: answer-visible
needs: transformers
line: BertLMHeadModel(config)
line: trainer.train()
thread: own
"""

import random

import torch
from transformers import BertConfig, BertLMHeadModel, Trainer, TrainingArguments, set_seed

set_seed(0)
random.seed(0)
LENGTH = 24


def command():
    verb = random.choice(["ls", "cat", "rm", "mv", "cp", "touch"])
    name = "".join(random.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=16))
    return f"{verb} {name}.txt"


def encode(text):
    ids = list(text.encode())[:LENGTH]
    mask = [1] * len(ids) + [0] * (LENGTH - len(ids))
    labels = ids + [-100] * (LENGTH - len(ids))
    return {
        "input_ids": torch.tensor(ids + [0] * (LENGTH - len(ids))),
        "attention_mask": torch.tensor(mask),
        "labels": torch.tensor(labels),
    }


config = BertConfig(
    vocab_size=128,
    hidden_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=128,
    max_position_embeddings=LENGTH,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)
model = BertLMHeadModel(config)
args = TrainingArguments(
    output_dir="out",
    num_train_epochs=6,
    per_device_train_batch_size=32,
    learning_rate=3e-3,
    lr_scheduler_type="constant",
    eval_strategy="epoch",
    logging_strategy="epoch",
    save_strategy="no",
    report_to="none",
    use_cpu=True,
)
trainer = Trainer(
    model=model,
    args=args,
    train_dataset=[encode(command()) for _ in range(1024)],
    eval_dataset=[encode(command()) for _ in range(128)],
)
trainer.train()
