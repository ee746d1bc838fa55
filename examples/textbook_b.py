"""A wider binary classifier with tanh layers on a table of ten features.

Its author asks why the loss is what it is after two epochs.

causes: no-signal, too-few-steps
line: y = torch.randint(0, 2, (100, 1)).float()
line: for epoch in range(2):
thread: textbook
"""
import torch
import torch.nn as nn

torch.manual_seed(0)

X = torch.randn(100, 10)
y = torch.randint(0, 2, (100, 1)).float()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(10, 128)
        self.fc2 = nn.Linear(128, 128)
        self.fc3 = nn.Linear(128, 1)

    def forward(self, x):
        x = torch.tanh(self.fc1(x))
        x = torch.tanh(self.fc2(x))
        return self.fc3(x)


model = Net()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

for epoch in range(2):
    optimizer.zero_grad()
    outputs = model(X)
    loss = criterion(outputs, y)
    loss.backward()
    optimizer.step()
    print(f"Epoch {epoch + 1}/2, Loss: {loss.item():.4f}")
