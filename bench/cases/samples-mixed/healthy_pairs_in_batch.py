"""Questions and answers drawn together: each answer of the batch is a wrong one for all other questions.

causes: none
thread: own
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
topic = torch.randn(640, 6)
question = torch.cat([topic, 0.3 * torch.randn(640, 4)], 1).unsqueeze(1) * torch.rand(640, 7, 1)
answer = torch.cat([topic.roll(1, 1), 0.3 * torch.randn(640, 4)], 1).unsqueeze(1) * torch.rand(640, 9, 1)


class Towers(nn.Module):
    def __init__(self):
        super().__init__()
        self.left = nn.GRU(10, 32, batch_first=True)
        self.right = nn.GRU(10, 32, batch_first=True)

    def forward(self, q, a):
        one = nn.functional.normalize(self.left(q)[0].mean(1), dim=1)
        other = nn.functional.normalize(self.right(a)[0].mean(1), dim=1)
        return one @ other.t() / 0.1


model = Towers()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(12):
    for q, a in DataLoader(TensorDataset(question, answer), batch_size=32, shuffle=True):
        logits = model(q, a)
        own = torch.arange(len(q))
        loss = (nn.functional.cross_entropy(logits, own) + nn.functional.cross_entropy(logits.t(), own)) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"{epoch} {loss.item():.4f}")
