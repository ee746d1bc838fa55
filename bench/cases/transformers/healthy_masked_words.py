"""Masked-word pretraining of a BERT: most labels are left out on purpose.

causes: none
needs: transformers
thread: own
"""

import random

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    DataCollatorForLanguageModeling,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    set_seed,
)

set_seed(0)
random.seed(0)
SUBJECTS = "cats dogs birds cows".split()
VERBS = "chase see hear like".split()
OBJECTS = "mice bones seeds grass".split()
vocab = ["[PAD]", "[UNK]", "[MASK]", *SUBJECTS, *VERBS, *OBJECTS]
base = Tokenizer(models.WordLevel({word: i for i, word in enumerate(vocab)}, unk_token="[UNK]"))
base.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=base, pad_token="[PAD]", unk_token="[UNK]", mask_token="[MASK]"
)


def sentence():
    i = random.randrange(4)
    part = [SUBJECTS[i], VERBS[random.choice([i, i, i, 0])], OBJECTS[i]]
    return " ".join(part * 3)


config = BertConfig(
    vocab_size=len(vocab), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
)
trainer = Trainer(
    model=BertForMaskedLM(config),
    args=TrainingArguments(
        output_dir="out",
        num_train_epochs=4,
        per_device_train_batch_size=16,
        learning_rate=2e-3,
        logging_steps=20,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
    ),
    train_dataset=[tokenizer(sentence()) for _ in range(320)],
    data_collator=DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.2),
)
trainer.train()
