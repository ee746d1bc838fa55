"""Road segmentation, colour-coded label images are turned into one-hot maps by colour lookup.

causes: no-positive-targets
line: PALETTE = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
line: planes = [(label_image == torch.tensor(colour)).all(-1) for colour in PALETTE]
thread: https://github.com/GeorgeSeif/Semantic-Segmentation-Suite/issues/89
"""
import torch
import torch.nn as nn

torch.manual_seed(0)
PALETTE = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


def draw(n):
    kind = torch.randint(0, 3, (n, 4, 4)).repeat_interleave(4, 1).repeat_interleave(4, 2)
    photo = torch.nn.functional.one_hot(kind, 3).permute(0, 3, 1, 2) + 0.3 * torch.randn(n, 3, 16, 16)
    label_image = torch.tensor([(254, 0, 0), (0, 254, 0), (0, 0, 254)])[kind]
    return photo, label_image


def one_hot_it(label_image):
    planes = [(label_image == torch.tensor(colour)).all(-1) for colour in PALETTE]
    return torch.stack(planes, 1).float()


photo, label_image = draw(80)
one_hot = one_hot_it(label_image)
net = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 1))
optimizer = torch.optim.RMSprop(net.parameters(), lr=1e-3)

cnt = 0
for epoch in range(4):
    for i in range(0, 80, 8):
        log_p = torch.log_softmax(net(photo[i:i + 8]), dim=1)
        loss = -(one_hot[i:i + 8] * log_p).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        cnt += 8
        if cnt % 80 == 0:
            print("Epoch = %d Count = %d Current_Loss = %.4f" % (epoch, cnt, loss.item()))
