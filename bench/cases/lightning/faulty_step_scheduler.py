"""The learning rate is to fall by a factor of ten after each epoch.

causes: learning-rate-zero
needs: lightning
line: torch.optim.lr_scheduler.StepLR(
line: "interval": "step"
line: torch.optim.Adam(
thread: own
"""

import lightning as L
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


class Prices(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 1))

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.mse_loss(self.net(x).squeeze(1), y)
        self.log("train_loss", loss, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=1e-2)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.1)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


L.seed_everything(3)
x = torch.randn(1024, 8)
y = x @ torch.randn(8) + (x[:, 0] * x[:, 1]) + 0.1 * torch.randn(1024)
trainer = L.Trainer(max_epochs=4, accelerator="cpu", logger=False, enable_checkpointing=False)
trainer.fit(Prices(), DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True))
