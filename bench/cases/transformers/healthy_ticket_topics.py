"""Tickets of two topics, sorted by a small BERT, with evaluation after each epoch.

causes: none
needs: transformers
thread: own
"""

import random

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed

set_seed(0)
random.seed(0)
TOPICS = {"billing": "invoice refund charge card amount paid", "other": "login screen crash update slow error"}
names = sorted(TOPICS)
rows = []
for _ in range(400):
    topic = random.choice(names)
    other = names[1 - names.index(topic)]
    words = random.choices(TOPICS[topic].split(), k=4) + random.choices(TOPICS[other].split(), k=2)
    random.shuffle(words)
    rows.append((" ".join(words), topic))
words = sorted({word for text, _ in rows for word in text.split()})


class Tickets(Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        text, topic = self.rows[i]
        ids = torch.tensor([1 + words.index(word) for word in text.split()])
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": torch.tensor(names.index(topic))}


def compute_metrics(prediction):
    return {"accuracy": float((np.argmax(prediction.predictions, axis=-1) == prediction.label_ids).mean())}


config = BertConfig(
    vocab_size=len(words) + 1,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=64,
    num_labels=len(names),
)
trainer = Trainer(
    model=BertForSequenceClassification(config),
    args=TrainingArguments(
        output_dir="out",
        num_train_epochs=3,
        per_device_train_batch_size=16,
        learning_rate=1e-3,
        eval_strategy="epoch",
        logging_steps=5,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
    ),
    train_dataset=Tickets(rows[:320]),
    eval_dataset=Tickets(rows[320:]),
    compute_metrics=compute_metrics,
)
trainer.train()
print(trainer.evaluate())
