"""A student learns what a frozen teacher says.

causes: none
thread: own
"""
import torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(3)
d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32) / 16
Y = torch.tensor(d.target)

teacher = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
student = nn.Linear(64, 10)
ot = torch.optim.Adam(teacher.parameters(), 1e-2)
for i in range(100):
    j = torch.randint(0, len(X), (128,))
    l = F.cross_entropy(teacher(X[j]), Y[j]); ot.zero_grad(); l.backward(); ot.step()
teacher.eval()
for p_ in teacher.parameters(): p_.requires_grad_(False)
os_ = torch.optim.Adam(student.parameters(), 1e-2)
T = 2.0
for epoch in range(5):
    for xb, yb in DataLoader(TensorDataset(X, Y), 64, shuffle=True):
        with torch.no_grad(): soft = F.softmax(teacher(xb) / T, -1)
        loss = F.kl_div(F.log_softmax(student(xb) / T, -1), soft, reduction="batchmean") * T * T
        os_.zero_grad(); loss.backward(); os_.step()
    print("distill", epoch, "loss", loss.item())
