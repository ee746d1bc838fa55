"""An autoencoder and a classifier on its code, each with its optimizer, by manual optimisation.

causes: none
needs: lightning
thread: own
"""

import lightning as L
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


class Both(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.encoder = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 6))
        self.decoder = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 12))
        self.classifier = nn.Linear(6, 3)

    def training_step(self, batch, batch_idx):
        first, second = self.optimizers()
        x, y = batch
        reconstruction = F.mse_loss(self.decoder(self.encoder(x)), x)
        first.zero_grad()
        self.manual_backward(reconstruction)
        first.step()
        loss = F.cross_entropy(self.classifier(self.encoder(x).detach()), y)
        second.zero_grad()
        self.manual_backward(loss)
        second.step()
        self.log_dict({"reconstruction": reconstruction, "loss": loss}, prog_bar=True)

    def configure_optimizers(self):
        autoencoder = [*self.encoder.parameters(), *self.decoder.parameters()]
        return torch.optim.Adam(autoencoder, lr=3e-3), torch.optim.Adam(self.classifier.parameters(), lr=1e-2)


L.seed_everything(3)
centres = torch.randn(3, 12)
y = torch.randint(0, 3, (640,))
x = centres[y] + 0.6 * torch.randn(640, 12)
trainer = L.Trainer(max_epochs=5, accelerator="cpu", logger=False, enable_checkpointing=False)
trainer.fit(Both(), DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True))
