"""Small molecules, many in one graph: atoms are the rows, bonds go from row to row, attention weighs neighbours.

causes: none
thread: own
"""
import torch
from torch import nn

torch.manual_seed(0)


def molecule():
    atoms = int(torch.randint(5, 9, (1,)))
    kinds = torch.randint(0, 4, (atoms,))
    chain = torch.stack([torch.arange(atoms - 1), torch.arange(1, atoms)])
    bonds = torch.cat([chain, chain.flip(0)], 1)
    around = torch.zeros(atoms).index_add_(0, bonds[1], (kinds[bonds[0]] == 2).float())
    return kinds, bonds, around


def batch(molecules):
    shift, kinds, bonds, wanted = 0, [], [], []
    for k, b, w in molecules:
        kinds.append(k)
        bonds.append(b + shift)
        wanted.append(w)
        shift += len(k)
    return torch.cat(kinds), torch.cat(bonds, 1), torch.cat(wanted)


class Layer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.send, self.keep, self.score = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(2 * width, 3)
        self.join = nn.Linear(3 * width, width)

    def forward(self, h, bonds):
        source, sink = bonds
        scores = self.score(torch.cat([h[source], h[sink]], 1)).exp()
        total = torch.zeros(len(h), 3).index_add(0, sink, scores)
        weights = scores / total[sink]
        sent = (weights.unsqueeze(2) * self.send(h)[source].unsqueeze(1)).flatten(1)
        return torch.relu(self.keep(h) + self.join(torch.zeros(len(h), sent.shape[1]).index_add(0, sink, sent)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(4, 16)
        self.layers = nn.ModuleList([Layer(16), Layer(16)])
        self.out = nn.Linear(16, 1)

    def forward(self, kinds, bonds):
        h = self.embed(kinds)
        for layer in self.layers:
            h = layer(h, bonds)
        weights = torch.softmax(self.out(h).expand(-1, 2), dim=0)
        return self.out(h + 0.1 * (weights.sum(1, keepdim=True) * h).sum(0)).squeeze(1)


data = [molecule() for _ in range(300)]
model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(12):
    losses = []
    for index in torch.randperm(len(data)).split(20):
        kinds, bonds, wanted = batch([data[i] for i in index])
        loss = nn.functional.mse_loss(model(kinds, bonds), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"epoch {epoch} mse {sum(losses) / len(losses):.4f}")
