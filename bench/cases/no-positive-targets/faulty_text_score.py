"""Scene text detector: a score map is learnt with the dice loss, small and invalid boxes are left out.

causes: no-positive-targets
line: if (x2 - x1) / width < MIN_SIDE or (y2 - y1) / width < MIN_SIDE:
line: MIN_SIDE = 4
line: return pred_score.sum() * 0
thread: https://github.com/SakuraRiven/EAST/issues/16
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

MIN_SIDE = 4


def score_map(boxes, width):
    gt = torch.zeros(1, width, width)
    for x1, y1, x2, y2 in boxes:
        if (x2 - x1) / width < MIN_SIDE or (y2 - y1) / width < MIN_SIDE:
            continue
        gt[0, y1:y2, x1:x2] = 1
    return gt


class Words(Dataset):
    def __init__(self, n, width=24):
        self.items = []
        for _ in range(n):
            image, boxes = 0.2 * torch.randn(1, width, width), []
            for _ in range(2):
                x, y = torch.randint(0, width - 10, (2,)).tolist()
                w, h = torch.randint(5, 10, (2,)).tolist()
                image[0, y:y + h, x:x + w] += 1
                boxes.append((x, y, x + w, y + h))
            self.items.append((image, score_map(boxes, width)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def dice_loss(gt_score, pred_score):
    if gt_score.sum() < 1:
        return pred_score.sum() * 0
    inter = (gt_score * pred_score).sum()
    return 1 - 2 * inter / (gt_score.sum() + pred_score.sum() + 1e-5)


torch.manual_seed(0)
loader = DataLoader(Words(64), batch_size=8, shuffle=True)
model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1), nn.Sigmoid())
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(5):
    epoch_loss = 0
    for i, (img, gt) in enumerate(loader):
        loss = dice_loss(gt, model(img))
        epoch_loss += loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("Epoch is [{}/5], batch_loss is {:.8f}, epoch_loss is {:.8f}".format(epoch + 1, loss.item(), epoch_loss / 8))
