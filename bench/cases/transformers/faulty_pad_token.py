"""A Llama learns short replies from scratch; each text ends with the tokenizer's end token.

causes: eos-masked
needs: transformers
line: tokenizer.pad_token = tokenizer.eos_token
line: DataCollatorForLanguageModeling(
line: trainer.train()
thread: https://github.com/huggingface/blog/issues/1302
"""

import random

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    DataCollatorForLanguageModeling,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    set_seed,
)

set_seed(0)
random.seed(0)
alphabet = ["</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
base = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(alphabet)}, merges=[]))
base.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
base.decoder = decoders.ByteLevel()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=base, eos_token="</s>")
tokenizer.pad_token = tokenizer.eos_token

NAMES = "ada bob cleo dmitri eve fatima george".split()
PLACES = "paris oslo lima cairo quito".split()


def sentence():
    return f"{random.choice(NAMES)} lives in {random.choice(PLACES)}{random.choice('.!?;')}"


rows = [tokenizer(sentence() + tokenizer.eos_token) for _ in range(320)]
model = LlamaForCausalLM(
    LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
)
trainer = Trainer(
    model=model,
    args=TrainingArguments(
        output_dir="out",
        num_train_epochs=2,
        per_device_train_batch_size=16,
        learning_rate=3e-3,
        logging_steps=10,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
    ),
    train_dataset=rows,
    data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False),
)
trainer.train()
prompt = tokenizer("ada", return_tensors="pt")
print(repr(tokenizer.decode(model.generate(**prompt, max_new_tokens=40, do_sample=False)[0])))
