"""A trunk and a head with a learning rate each; the optimizer is made from a dictionary of groups.

causes: parameters-not-optimized
needs: lightning
line: return torch.optim.SGD(
line: groups = 
thread: own
"""

import lightning as L
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


class Two(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(12, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh())
        self.head = nn.Linear(48, 5)

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self.head(self.trunk(x)), y)
        self.log("loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self):
        groups = {"params": self.trunk.parameters(), "lr": 0.05}
        groups.update({"params": self.head.parameters()})
        return torch.optim.SGD([groups], lr=0.2, momentum=0.9)


L.seed_everything(2)
teacher = nn.Sequential(nn.Linear(12, 30), nn.Tanh(), nn.Linear(30, 5))
x = torch.randn(640, 12)
y = teacher(3 * x).argmax(1)
trainer = L.Trainer(max_epochs=4, accelerator="cpu", logger=False, enable_checkpointing=False)
trainer.fit(Two(), DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True))
