"""A GPT-2 over bytes, gradients accumulated over two batches, bfloat16 autocast.

causes: none
needs: transformers
thread: own
"""

import random

import torch
from transformers import (
    DataCollatorForLanguageModeling,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    set_seed,
)
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

set_seed(0)
random.seed(0)
alphabet = ["<pad>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
base = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(alphabet)}, merges=[]))
base.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
base.decoder = decoders.ByteLevel()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=base, eos_token="</s>", pad_token="<pad>")
WORDS = "the cat sat on a mat and saw one small red bird fly over old grey walls".split()

rows = [
    tokenizer(" ".join(random.choices(WORDS, k=random.randint(4, 7))) + tokenizer.eos_token, truncation=True, max_length=40)
    for _ in range(320)
]
config = GPT2Config(
    vocab_size=len(tokenizer), n_positions=40, n_embd=48, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=1
)
trainer = Trainer(
    model=GPT2LMHeadModel(config),
    args=TrainingArguments(
        output_dir="out",
        num_train_epochs=3,
        per_device_train_batch_size=8,
        gradient_accumulation_steps=2,
        learning_rate=3e-3,
        warmup_steps=5,
        bf16=True,
        logging_steps=10,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
    ),
    train_dataset=rows,
    data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False),
)
trainer.train()
