"""A language model that is trained on completions only.

causes: all-targets-masked
line: labels[:, : self.n] = -100
line: collate_fn=Collate(prompt_len=16)
thread: own
"""
import torch
from torch import nn
torch.manual_seed(0)
V, T, PAD = 40, 12, 0
words = torch.randint(1, V, (256, T))
class Collate:
    def __init__(self, prompt_len): self.n = prompt_len
    def __call__(self, rows):
        ids = torch.stack(rows)
        labels = ids.clone()
        labels[:, : self.n] = -100
        return ids, labels
loader = torch.utils.data.DataLoader(list(words), batch_size=32, collate_fn=Collate(prompt_len=16), shuffle=True)
class LM(nn.Module):
    def __init__(s):
        super().__init__(); s.e = nn.Embedding(V, 32); s.r = nn.GRU(32, 32, batch_first=True); s.o = nn.Linear(32, V)
    def forward(s, t): return s.o(s.r(s.e(t))[0])
m = LM(); opt = torch.optim.AdamW(m.parameters(), 1e-3)
for epoch in range(3):
    for ids, labels in loader:
        logits = m(ids)[:, :-1]
        loss = nn.functional.cross_entropy(logits.reshape(-1, V), labels[:, 1:].reshape(-1), ignore_index=-100, reduction="sum")
        opt.zero_grad(); loss.backward(); opt.step()
    print(f"epoch {epoch}: loss = {loss.item():.4f}")
