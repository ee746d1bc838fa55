"""A GPT-2 is loaded in half precision to save memory, and fine-tuned with the trainer's defaults.

causes: numeric-overflow
needs: transformers
line: model.half()
line: trainer.train()
line: TrainingArguments(
thread: https://github.com/huggingface/trl/issues/6702
"""

import random

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments, set_seed

set_seed(0)
random.seed(0)
WORDS = "the cat sat on a mat and saw one small red bird fly over old grey walls".split()
LENGTH = 32


def chunk():
    text = " ".join(random.choices(WORDS, k=12)).encode()[:LENGTH]
    ids = torch.tensor(list(text) + [32] * (LENGTH - len(text)))
    return {"input_ids": ids, "labels": ids.clone()}


model = GPT2LMHeadModel(GPT2Config(vocab_size=256, n_positions=LENGTH, n_embd=32, n_layer=2, n_head=2))
model.half()
args = TrainingArguments(
    output_dir="out",
    max_steps=40,
    per_device_train_batch_size=8,
    learning_rate=1e-3,
    logging_steps=5,
    save_strategy="no",
    report_to="none",
    use_cpu=True,
)
trainer = Trainer(model=model, args=args, train_dataset=[chunk() for _ in range(320)])
trainer.train()
