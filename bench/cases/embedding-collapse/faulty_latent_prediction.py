"""World model: encode the state of a pendulum, predict the next code from the action.

causes: embedding-collapse
line: target = self.encoder(nxt)
line: return F.mse_loss(guess, target)
thread: https://github.com/PatrickHua/SimSiam/issues/50
"""
import torch
import torch.nn as nn
import torch.nn.functional as F


class WorldModel(nn.Module):
    def __init__(self, obs=6, act=1, code=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(obs, 32), nn.Tanh(), nn.Linear(32, code))
        self.dynamics = nn.Sequential(nn.Linear(code + act, 32), nn.Tanh(), nn.Linear(32, code))

    def loss(self, now, action, nxt):
        guess = self.dynamics(torch.cat([self.encoder(now), action], dim=1))
        target = self.encoder(nxt)
        return F.mse_loss(guess, target)


def rollouts(n):
    angle, speed = 6.28 * torch.rand(n, 1), torch.randn(n, 1)
    action = torch.randn(n, 1)
    mix = torch.randn(3, 6, generator=torch.Generator().manual_seed(2))
    observe = lambda a, s: torch.cat([torch.sin(a), torch.cos(a), s], dim=1) @ mix
    speed2 = speed + 0.3 * torch.sin(angle) + 0.3 * action
    return observe(angle, speed), action, observe(angle + 0.3 * speed2, speed2)


def main():
    torch.manual_seed(1)
    model = WorldModel()
    opt = torch.optim.AdamW(model.parameters(), lr=3e-3)
    data = rollouts(640)
    for epoch in range(1, 21):
        total = 0.0
        for idx in torch.randperm(640).split(32):
            loss = model.loss(*(d[idx] for d in data))
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item()
        if epoch % 2 == 0:
            print(f"Epoch {epoch}/20 loss: {total / 20:.6f}")


if __name__ == "__main__":
    main()
