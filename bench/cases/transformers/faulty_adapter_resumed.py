"""Training of low-rank adapters is taken up again from the files of yesterday.

causes: graph-cut
needs: transformers, peft
line: PeftModel.from_pretrained(
line: trainer.train()
thread: https://github.com/huggingface/peft/issues/1340
"""

import random

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments, set_seed

set_seed(0)
random.seed(0)
LENGTH = 32


def row():
    word = random.choice(["rain", "snow", "wind", "hail"])
    text = (f"{word} " * 8).encode()[:LENGTH]
    ids = torch.tensor(list(text) + [32] * (LENGTH - len(text)))
    return {"input_ids": ids, "labels": ids.clone()}


def base():
    set_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=256,
            hidden_size=48,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=LENGTH,
        )
    )


yesterday = get_peft_model(base(), LoraConfig(r=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
yesterday.save_pretrained("adapter")

model = PeftModel.from_pretrained(base(), "adapter")
trainer = Trainer(
    model=model,
    args=TrainingArguments(
        output_dir="out",
        num_train_epochs=1,
        per_device_train_batch_size=16,
        learning_rate=1e-2,
        logging_steps=10,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
    ),
    train_dataset=[row() for _ in range(160)],
)
trainer.train()
