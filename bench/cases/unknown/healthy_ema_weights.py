"""Transformer encoder that sums digits of a sequence: clipped gradients, warm-up, averaged weights for evaluation.

causes: none
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class Adder(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.embed = nn.Embedding(10, dim)
        layer = nn.TransformerEncoderLayer(dim, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(dim, 1)

    def forward(self, digits):
        return self.head(self.encoder(self.embed(digits)).mean(1)).squeeze(1)


def batch(n, length=6):
    digits = torch.randint(0, 10, (n, length))
    return digits, (digits.sum(1).float() - 27) / 7


def main():
    torch.manual_seed(11)
    model = Adder()
    ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.97))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=20)
    test_x, test_y = batch(400)
    for step in range(301):
        digits, target = batch(48)
        loss = F.huber_loss(model(digits), target)
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        warmup.step()
        ema.update_parameters(model)
        if step % 30 == 0:
            with torch.no_grad():
                test = F.mse_loss(ema(test_x), test_y).item()
            print(f"step={step} loss={loss.item():.4f} grad_norm={norm.item():.3f} ema_test_mse={test:.4f}")


if __name__ == "__main__":
    main()
