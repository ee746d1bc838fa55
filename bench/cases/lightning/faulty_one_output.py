"""Wine quality, good or bad, as a LightningModule with one output.

causes: one-class-softmax
needs: lightning
line: nn.Linear(32, 1)
line: F.cross_entropy(self(x), y.float().unsqueeze(1))
thread: own
"""

import lightning as L
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


class Wine(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(11, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self(x), y.float().unsqueeze(1))
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)


L.seed_everything(0)
x = torch.randn(512, 11)
y = (x[:, 0] + 0.5 * x[:, 3] + 0.3 * torch.randn(512) > 0).long()
loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
trainer = L.Trainer(max_epochs=3, accelerator="cpu", logger=False, enable_checkpointing=False)
trainer.fit(Wine(), loader)
