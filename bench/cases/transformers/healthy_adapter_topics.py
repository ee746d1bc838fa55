"""A small BERT sorts words into topics: adapters in attention, and a head that is trained and saved with them.

causes: none
needs: transformers, peft
thread: own
"""

import random

import torch
from peft import LoraConfig, get_peft_model
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed

set_seed(0)
random.seed(0)
LENGTH = 16
TOPICS = [["rain", "snow", "hail"], ["bread", "milk", "salt"], ["piano", "flute", "drum"]]


def row():
    topic = random.randrange(len(TOPICS))
    text = " ".join(random.choices(TOPICS[topic], k=3)).encode()[:LENGTH]
    ids = torch.tensor(list(text) + [0] * (LENGTH - len(text)))
    return {"input_ids": ids, "attention_mask": (ids != 0).long(), "labels": topic}


model = BertForSequenceClassification(
    BertConfig(
        vocab_size=128,
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=96,
        max_position_embeddings=LENGTH,
        num_labels=len(TOPICS),
    )
)
model = get_peft_model(
    model, LoraConfig(r=4, lora_alpha=16, target_modules=["query", "value", "dense"], task_type="SEQ_CLS")
)
trainer = Trainer(
    model=model,
    args=TrainingArguments(
        output_dir="out",
        num_train_epochs=5,
        per_device_train_batch_size=16,
        learning_rate=1e-2,
        logging_steps=20,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
    ),
    train_dataset=[row() for _ in range(480)],
)
trainer.train()
