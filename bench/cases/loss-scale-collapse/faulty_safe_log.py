"""Count model for sparse event tables: deviance loss with the logarithm guarded where the count is zero.

causes: loss-scale-collapse
line: term = torch.where(rate > 0, counts * torch.log(rate), torch.zeros_like(rate))
line: self.scaler.scale(loss).backward()
thread: https://github.com/NVIDIA/apex/issues/834
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


def event_table(n):
    x = torch.randn(n, 10)
    rate = torch.exp(0.5 * x[:, :4] + 0.3 * x[:, 4:8])
    counts = torch.poisson(rate)
    exposure = (torch.rand(n, 4) > 0.3).float()
    return x, exposure, counts * exposure


class Events(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 4), nn.Softplus())

    def forward(self, x, exposure):
        return self.net(x) * exposure


def deviance(rate, counts):
    term = torch.where(rate > 0, counts * torch.log(rate), torch.zeros_like(rate))
    return (rate - term).mean()


class Trainer:
    def __init__(self, model):
        self.model = model
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        self.scaler = torch.amp.GradScaler("cpu")

    def run(self, loader, epochs):
        for epoch in range(epochs):
            losses = []
            for x, exposure, counts in loader:
                loss = deviance(self.model(x, exposure), counts)
                self.optimizer.zero_grad()
                self.scaler.scale(loss).backward()
                self.scaler.step(self.optimizer)
                self.scaler.update()
                losses.append(loss.item())
            print("epoch %d: deviance %.5f  (loss scale %g)"
                  % (epoch, sum(losses) / len(losses), self.scaler.get_scale()))


if __name__ == "__main__":
    torch.manual_seed(1)
    loader = DataLoader(TensorDataset(*event_table(1200)), batch_size=40, shuffle=True)
    Trainer(Events()).run(loader, 6)
