"""A small student learns digits from labels and from the outputs of a trained teacher, taken without gradient.

causes: none
thread: https://github.com/bboylyg/NAD/issues/8
"""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16.0, dtype=torch.float32)
y = torch.tensor(digits.target)


def run(model, epochs, loss_fn, tag):
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(epochs):
        losses = []
        for idx in torch.randperm(1500).split(50):
            loss = loss_fn(model(x[idx]), idx)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"{tag} {epoch} loss {sum(losses) / len(losses):.4f}")


teacher = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 10))
student = nn.Sequential(nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 10))
run(teacher, 6, lambda out, idx: F.cross_entropy(out, y[idx]), "teacher")


def distill(out, idx):
    with torch.no_grad():
        soft = F.softmax(teacher(x[idx]) / 2, dim=1)
    hard = F.cross_entropy(out, y[idx])
    return 0.5 * hard + 0.5 * F.kl_div(F.log_softmax(out / 2, dim=1), soft, reduction="batchmean")


run(student, 8, distill, "student")
with torch.no_grad():
    print("accuracy", (student(x[1500:]).argmax(1) == y[1500:]).float().mean().item())
