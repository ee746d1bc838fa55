"""One learning-rate cycle over all steps, gradient clipping, bfloat16, early stopping.

causes: none
needs: lightning
thread: own
"""

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


class Wave(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 64), nn.GELU(), nn.Linear(64, 1))

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.mse_loss(self.net(x).squeeze(1), y)
        self.log("train_loss", loss, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        self.log("val_loss", F.mse_loss(self.net(x).squeeze(1), y), prog_bar=True)

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=1e-3)
        scheduler = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=1e-2, total_steps=self.trainer.estimated_stepping_batches
        )
        return [optimizer], [{"scheduler": scheduler, "interval": "step"}]


L.seed_everything(1)
x = torch.rand(800, 4) * 2 - 1
y = torch.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.05 * torch.randn(800)
trainer = L.Trainer(
    max_epochs=6,
    accelerator="cpu",
    precision="bf16-mixed",
    gradient_clip_val=1.0,
    callbacks=[EarlyStopping("val_loss", patience=3)],
    logger=False,
    enable_checkpointing=False,
)
trainer.fit(
    Wave(),
    DataLoader(TensorDataset(x[:640], y[:640]), batch_size=32, shuffle=True),
    DataLoader(TensorDataset(x[640:], y[640:]), batch_size=80),
)
