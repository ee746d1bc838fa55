"""Manual optimisation, as the documentation shows it for several optimizers, with one.

causes: gradients-not-cleared
needs: lightning
line: self.manual_backward(loss)
line: optimizer.step()
thread: own
"""

import lightning as L
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


class Manual(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 4))

    def training_step(self, batch, batch_idx):
        optimizer = self.optimizers()
        x, y = batch
        loss = F.cross_entropy(self.net(x), y)
        self.manual_backward(loss)
        optimizer.step()
        self.log("loss", loss, prog_bar=True)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


L.seed_everything(4)
centres = torch.randn(4, 10)
y = torch.randint(0, 4, (640,))
data = TensorDataset(centres[y] + torch.randn(640, 10), y)
trainer = L.Trainer(max_epochs=5, accelerator="cpu", logger=False, enable_checkpointing=False)
trainer.fit(Manual(), DataLoader(data, batch_size=32, shuffle=True))
