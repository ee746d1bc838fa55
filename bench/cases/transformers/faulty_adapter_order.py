"""A Llama with low-rank adapters, trained by a plain loop.

causes: parameters-not-optimized
needs: transformers, peft
line: optimizer = torch.optim.AdamW(
line: optimizer.step()
thread: own
"""

import random

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM, set_seed

set_seed(0)
random.seed(0)
LENGTH = 32


def row():
    word = random.choice(["rain", "snow", "wind", "hail"])
    text = (f"{word} " * 8).encode()[:LENGTH]
    return torch.tensor(list(text) + [32] * (LENGTH - len(text)))


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
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
model = get_peft_model(model, LoraConfig(r=8, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM"))
model.print_trainable_parameters()
loader = torch.utils.data.DataLoader([row() for _ in range(320)], batch_size=16, shuffle=True)
for epoch in range(2):
    for ids in loader:
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        model.zero_grad()
    print(f"epoch {epoch}: loss {loss.item():.4f}")
