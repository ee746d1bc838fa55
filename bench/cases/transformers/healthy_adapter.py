"""A Llama is given a low-rank adapter; all other weights are frozen.

causes: none
needs: transformers, peft
thread: own
"""

import random

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments, set_seed

set_seed(0)
random.seed(0)
LENGTH = 32


def row():
    word = random.choice(["rain", "snow", "wind", "hail"])
    text = (f"{word} " * 8).encode()[:LENGTH]
    ids = torch.tensor(list(text) + [32] * (LENGTH - len(text)))
    return {"input_ids": ids, "labels": ids.clone()}


model = LlamaForCausalLM(
    LlamaConfig(
        vocab_size=256,
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=LENGTH,
    )
)
model = get_peft_model(
    model,
    LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj", "up_proj", "down_proj"], task_type="CAUSAL_LM"),
)
model.print_trainable_parameters()
trainer = Trainer(
    model=model,
    args=TrainingArguments(
        output_dir="out",
        num_train_epochs=4,
        per_device_train_batch_size=16,
        learning_rate=1e-2,
        logging_steps=10,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
    ),
    train_dataset=[row() for _ in range(320)],
)
trainer.train()
