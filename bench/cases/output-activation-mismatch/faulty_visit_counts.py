"""Expected number of shop visits per day from weather and weekday, Poisson loss.

causes: output-activation-mismatch
line: return self.rate(torch.relu(self.hidden(x))).squeeze(1)
line: loss = criterion(model(x[idx]), visits[idx])
line: criterion = nn.PoissonNLLLoss(log_input=False)
thread: own
"""
import torch
from torch import nn


class VisitModel(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.hidden = nn.Linear(features, 20)
        self.rate = nn.Linear(20, 1)

    def forward(self, x):
        return self.rate(torch.relu(self.hidden(x))).squeeze(1)


def simulate(days):
    weather = torch.randn(days, 4)
    weekday = torch.eye(7)[torch.arange(days) % 7]
    log_rate = 0.8 + 0.5 * weather[:, 0] - 0.3 * weather[:, 1] + 0.6 * weekday[:, 5]
    return torch.cat([weather, weekday], dim=1), torch.poisson(log_rate.exp())


def main():
    torch.manual_seed(41)
    x, visits = simulate(700)
    model = VisitModel(x.shape[1])
    criterion = nn.PoissonNLLLoss(log_input=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    for epoch in range(1, 13):
        total = 0.0
        for idx in torch.randperm(600).split(40):
            optimizer.zero_grad()
            loss = criterion(model(x[idx]), visits[idx])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(idx)
        with torch.no_grad():
            val = criterion(model(x[600:]), visits[600:]).item()
        if epoch % 3 == 0:
            print(f"epoch {epoch} poisson nll {total / 600:.4f} (val {val:.4f})")


if __name__ == "__main__":
    main()
