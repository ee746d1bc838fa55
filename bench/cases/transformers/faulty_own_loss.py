"""A GPT-2 with a loss of its own, for label smoothing per token.

causes: answer-visible
needs: transformers
line: loss = F.cross_entropy(
line: logits.view(-1, logits.size(-1))
thread: own
"""

import random

import torch
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments, set_seed

set_seed(0)
random.seed(0)
LENGTH = 32


class SmoothedTrainer(Trainer):
    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        logits = outputs.logits
        loss = F.cross_entropy(logits.view(-1, logits.size(-1)), labels.view(-1), label_smoothing=0.0)
        return (loss, outputs) if return_outputs else loss


def row():
    ids = torch.tensor([random.randrange(97, 123) for _ in range(LENGTH)])
    return {"input_ids": ids, "labels": ids.clone()}


model = GPT2LMHeadModel(
    GPT2Config(vocab_size=128, n_positions=LENGTH, n_embd=48, n_layer=2, n_head=2, tie_word_embeddings=False)
)
args = TrainingArguments(
    output_dir="out",
    num_train_epochs=5,
    per_device_train_batch_size=16,
    learning_rate=3e-3,
    logging_steps=20,
    eval_strategy="epoch",
    save_strategy="no",
    report_to="none",
    use_cpu=True,
)
trainer = SmoothedTrainer(
    model=model,
    args=args,
    train_dataset=[row() for _ in range(480)],
    eval_dataset=[row() for _ in range(96)],
)
trainer.train()
