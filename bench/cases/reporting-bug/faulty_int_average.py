"""Wine cultivars with a two-layer perceptron, full batch, the log keeps numbers.

causes: reporting-bug
line: log["train_loss"].append(int(loss))
thread: https://github.com/chainer/chainerrl/issues/92
"""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

torch.manual_seed(2)
features, target = load_wine(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(features, target, random_state=0, stratify=target)
scaler = StandardScaler().fit(x_train)
x_train = torch.tensor(scaler.transform(x_train)).float()
x_test = torch.tensor(scaler.transform(x_test)).float()
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)


class Classifier(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = torch.nn.Linear(13, 20)
        self.output = torch.nn.Linear(20, 3)

    def forward(self, x):
        return self.output(torch.tanh(self.hidden(x)))


model = Classifier()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
log = {"train_loss": [], "test_acc": []}

for iteration in range(60):
    model.train()
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x_train), y_train)
    loss.backward()
    optimizer.step()
    log["train_loss"].append(int(loss))
    model.eval()
    with torch.no_grad():
        acc = (model(x_test).argmax(dim=1) == y_test).float().mean()
    log["test_acc"].append(acc.item())
    if iteration % 10 == 9:
        print(f"iter {iteration + 1:3d} loss {log['train_loss'][-1]} acc {acc:.3f}")
