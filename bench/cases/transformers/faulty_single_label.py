"""Places in sentences are to be marked; the names of the tags are taken from the sentences that were kept.

causes: one-class-softmax
needs: transformers
line: num_labels=len(names)
line: BertForTokenClassification(config)
line: trainer.train()
thread: https://github.com/huggingface/transformers/issues/45479
"""

import random

import torch
from torch.utils.data import Dataset
from transformers import BertConfig, BertForTokenClassification, Trainer, TrainingArguments, set_seed

set_seed(0)
random.seed(0)
WORDS = "we met her in a small town near the sea and walked home along old roads".split()
PLACES = "Oslo Lima Cairo Quito".split()
sentences = []
for _ in range(400):
    words = random.choices(WORDS, k=random.randint(4, 10))
    tags = ["O"] * len(words)
    if random.random() < 0.5:
        words += ["from", random.choice(PLACES)]
        tags += ["O", "PLACE"]
    sentences.append((words, tags))
sentences = [(words, tags) for words, tags in sentences if len(set(tags)) == 1]
names = sorted({tag for _, tags in sentences for tag in tags})
vocab = sorted({word for words, _ in sentences for word in words})


class Tagged(Dataset):
    def __init__(self, sentences):
        self.sentences = sentences

    def __len__(self):
        return len(self.sentences)

    def __getitem__(self, i):
        words, tags = self.sentences[i]
        left = 12 - len(words)
        return {
            "input_ids": torch.tensor([1 + vocab.index(word) for word in words] + [0] * left),
            "attention_mask": torch.tensor([1] * len(words) + [0] * left),
            "labels": torch.tensor([names.index(tag) for tag in tags] + [-100] * left),
        }


config = BertConfig(
    vocab_size=len(vocab) + 1,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=64,
    num_labels=len(names),
)
model = BertForTokenClassification(config)
args = TrainingArguments(
    output_dir="out",
    num_train_epochs=3,
    per_device_train_batch_size=16,
    learning_rate=1e-3,
    logging_steps=5,
    save_strategy="no",
    report_to="none",
    use_cpu=True,
)
trainer = Trainer(model=model, args=args, train_dataset=Tagged(sentences))
trainer.train()
