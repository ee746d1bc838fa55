"""Three clouds, with gradient accumulation, validation and a progress bar.

causes: none
needs: lightning
thread: own
"""

import lightning as L
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


class Clouds(L.LightningModule):
    def __init__(self, lr=1e-2):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 3))

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self.net(x), y)
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        logits = self.net(x)
        self.log("val_loss", F.cross_entropy(logits, y), prog_bar=True)
        self.log("val_acc", (logits.argmax(1) == y).float().mean(), prog_bar=True)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


L.seed_everything(0)
centres = torch.randn(3, 16)
y = torch.randint(0, 3, (768,))
x = centres[y] + 1.5 * torch.randn(768, 16)
trainer = L.Trainer(
    max_epochs=5, accelerator="cpu", logger=False, enable_checkpointing=False, accumulate_grad_batches=2
)
trainer.fit(
    Clouds(),
    DataLoader(TensorDataset(x[:512], y[:512]), batch_size=32, shuffle=True),
    DataLoader(TensorDataset(x[512:], y[512:]), batch_size=64),
)
print(trainer.callback_metrics)
