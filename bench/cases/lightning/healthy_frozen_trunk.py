"""A frozen trunk with a new head, plain text in place of a bar, and a test at the end.

causes: none
needs: lightning
thread: own
"""

import lightning as L
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


class Printer(L.Callback):
    def on_train_epoch_end(self, trainer, module):
        print(f"epoch {trainer.current_epoch}: train loss {trainer.callback_metrics['train_loss']:.4f}")


class Transfer(L.LightningModule):
    def __init__(self, trunk):
        super().__init__()
        self.trunk = trunk.eval().requires_grad_(False)
        self.head = nn.Linear(64, 3)

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self.head(self.trunk(x)), y)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def test_step(self, batch, batch_idx):
        x, y = batch
        logits = self.head(self.trunk(x))
        self.log_dict({"test_loss": F.cross_entropy(logits, y), "test_acc": (logits.argmax(1) == y).float().mean()})

    def configure_optimizers(self):
        return torch.optim.AdamW(self.head.parameters(), lr=1e-2)


L.seed_everything(2)
trunk = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
centres = torch.randn(3, 16)
y = torch.randint(0, 3, (600,))
x = centres[y] + 1.2 * torch.randn(600, 16)
module = Transfer(trunk)
trainer = L.Trainer(
    max_epochs=5,
    accelerator="cpu",
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    callbacks=[Printer()],
)
trainer.fit(module, DataLoader(TensorDataset(x[:480], y[:480]), batch_size=32, shuffle=True))
trainer.test(module, DataLoader(TensorDataset(x[480:], y[480:]), batch_size=40))
