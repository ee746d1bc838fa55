"""Digit classification with a plain MLP and SGD.

causes: gradients-not-cleared
line: loss.backward()
line: optimizer.step()
thread: https://github.com/Miraclelucy/dive_into_deep_learning/issues/6
"""
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
images, labels = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(images / 16.0, labels, test_size=0.2, random_state=0)
train_set = TensorDataset(torch.tensor(x_train, dtype=torch.float32), torch.tensor(y_train))
test_x, test_y = torch.tensor(x_test, dtype=torch.float32), torch.tensor(y_test)
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)

model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def evaluate():
    model.eval()
    with torch.no_grad():
        hit = (model(test_x).argmax(1) == test_y).float().mean().item()
    model.train()
    return hit


for epoch in range(10):
    train_loss = 0.0
    for x, y in train_loader:
        output = model(x)
        loss = criterion(output, y)
        loss.backward()
        optimizer.step()
        train_loss += loss.item()
    print("Epoch: %d  train loss: %.4f  test acc: %.3f" % (epoch + 1, train_loss / len(train_loader), evaluate()))
