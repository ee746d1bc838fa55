"""Counts of a distribution centre are fitted with half-precision weights to save memory.

causes: numeric-overflow
needs: lightning
line: precision="16-true"
line: F.mse_loss(
thread: own
"""

import lightning as L
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


class Demand(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1))

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.mse_loss(self.net(x).squeeze(1), y)
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


L.seed_everything(5)
x = torch.randn(512, 6)
y = 400 + 120 * x[:, 0] - 60 * x[:, 1] + 10 * torch.randn(512)
trainer = L.Trainer(max_epochs=3, accelerator="cpu", precision="16-true", logger=False, enable_checkpointing=False)
trainer.fit(Demand(), DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True))
