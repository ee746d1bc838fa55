"""Mean of a signal with an Elman network, gradient norm clipped as a precaution.

causes: none
thread: own
"""
import torch
from torch import nn


class MeanNet(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.rnn = nn.RNN(1, hidden, batch_first=True)
        self.readout = nn.Linear(hidden, 1)

    def forward(self, x):
        out, _ = self.rnn(x.unsqueeze(-1))
        return self.readout(out[:, -1]).squeeze(1)


def main():
    torch.manual_seed(4)
    data = []
    for _ in range(10):
        x = 0.5 * torch.randn(32, 16) + torch.randn(32, 1)
        data.append((x, x.mean(1)))
    net = MeanNet()
    opt = torch.optim.Adam(net.parameters(), lr=5e-3)
    for e in range(12):
        total, biggest = 0.0, 0.0
        for x, y in data:
            loss = ((net(x) - y) ** 2).mean()
            opt.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            biggest = max(biggest, norm.item())
            opt.step()
            total += loss.item()
        print(f"epoch {e} train_loss={total / len(data):.4f} max_grad_norm={biggest:.2f}")


if __name__ == "__main__":
    main()
