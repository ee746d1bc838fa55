"""Digits of a sensor, classified by a LightningModule whose network gives probabilities.

causes: softmax-before-cross-entropy
needs: lightning
line: nn.Softmax(dim=-1)
line: loss = self.criterion(self.net(x), y)
thread: own
"""

import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class Sensor(L.LightningModule):
    def __init__(self, lr=1e-2):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 8), nn.Softmax(dim=-1))
        self.criterion = nn.CrossEntropyLoss()

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = self.criterion(self.net(x), y)
        self.log("train_loss", loss, on_step=True, on_epoch=True, prog_bar=True)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        p = self.net(x)
        self.log_dict({"val_loss": self.criterion(p, y), "val_acc": (p.argmax(-1) == y).float().mean()}, prog_bar=True)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


L.seed_everything(1)
centres = torch.randn(8, 20)
y = torch.randint(0, 8, (800,))
data = TensorDataset(centres[y] + 0.7 * torch.randn(800, 20), y)
train, val = random_split(data, [640, 160])
trainer = L.Trainer(max_epochs=4, accelerator="cpu", logger=False, enable_checkpointing=False)
trainer.fit(Sensor(), DataLoader(train, 32, shuffle=True), DataLoader(val, 32))
