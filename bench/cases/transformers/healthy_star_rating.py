"""A rating between 0 and 1 is predicted by a BERT with one output: one label here means regression.

causes: none
needs: transformers
thread: own
"""

import random

import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed

set_seed(0)
random.seed(0)
WORDS = [f"word{i}" for i in range(40)]
worth = {word: random.random() for word in WORDS}


def row():
    chosen = random.choices(range(40), k=8)
    rating = sum(worth[WORDS[i]] for i in chosen) / 8
    return {
        "input_ids": torch.tensor([i + 1 for i in chosen]),
        "attention_mask": torch.ones(8, dtype=torch.long),
        "labels": torch.tensor(rating),
    }


config = BertConfig(
    vocab_size=41, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, num_labels=1
)
trainer = Trainer(
    model=BertForSequenceClassification(config),
    args=TrainingArguments(
        output_dir="out",
        num_train_epochs=5,
        per_device_train_batch_size=32,
        learning_rate=1e-3,
        logging_strategy="epoch",
        eval_strategy="epoch",
        save_strategy="no",
        report_to="none",
        use_cpu=True,
    ),
    train_dataset=[row() for _ in range(512)],
    eval_dataset=[row() for _ in range(128)],
)
trainer.train()
