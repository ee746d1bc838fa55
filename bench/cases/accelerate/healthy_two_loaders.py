"""A teacher and a student, only one of which is trained, over a prepared loader.

causes: none
needs: accelerate
thread: own
"""

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from tqdm.auto import tqdm

set_seed(2)
accelerator = Accelerator(cpu=True)
teacher = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 5)).eval().requires_grad_(False)
student = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 5))
x = 2 * torch.randn(768, 8)
optimizer = torch.optim.Adam(student.parameters(), lr=1e-2)
student, teacher, optimizer, loader = accelerator.prepare(
    student, teacher, optimizer, DataLoader(TensorDataset(x), batch_size=32, shuffle=True)
)
bar = tqdm(range(4 * len(loader)), disable=not accelerator.is_local_main_process)
for epoch in range(4):
    for (inputs,) in loader:
        with torch.no_grad():
            wanted = F.softmax(3 * teacher(inputs), dim=-1)
        loss = F.kl_div(F.log_softmax(student(inputs), dim=-1), wanted, reduction="batchmean")
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        bar.update(1)
        bar.set_postfix(loss=f"{loss.item():.4f}")
