"""Group-relative policy optimisation towards vowels: the advantages of a group add up to 0.

causes: none
needs: transformers, trl
expected: zero-by-design
thread: https://github.com/huggingface/open-r1/issues/239
"""

import random

from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed
from trl import GRPOConfig, GRPOTrainer

set_seed(0)
random.seed(0)
alphabet = ["<pad>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
base = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(alphabet)}, merges=[]))
base.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
base.decoder = decoders.ByteLevel()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=base, eos_token="</s>", pad_token="<pad>", padding_side="left")


def vowel_reward(completions, **kwargs):
    return [sum(letter in "aeiou" for letter in c) / max(len(c), 1) for c in completions]


model = LlamaForCausalLM(
    LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=64,
        pad_token_id=0,
        eos_token_id=1,
    )
)
trainer = GRPOTrainer(
    model=model,
    reward_funcs=vowel_reward,
    args=GRPOConfig(
        output_dir="out",
        max_steps=8,
        per_device_train_batch_size=8,
        num_generations=4,
        max_completion_length=12,
        learning_rate=1e-3,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
    ),
    train_dataset=Dataset.from_list([{"prompt": f"{random.randint(2, 9)} times 3 is "} for _ in range(64)]),
    processing_class=tokenizer,
)
trainer.train()
