#!/usr/bin/env python3
"""Writes metrics_reference.txt: figures of scikit-learn that tests/train/metrics_test.cpp compares with.

    python3 -m venv /tmp/sk-venv && /tmp/sk-venv/bin/pip install scikit-learn
    /tmp/sk-venv/bin/python make_metrics_reference.py > metrics_reference.txt

Format: `case.quantity dims... : values...`, one a line, values with all 17 digits; # starts a comment. A gold
label below 0 (one label), a target column beyond the probabilities' (several) is a label that training never
had. Everything is called as a user would call it: labels are words, zero_division is the default.
"""
import warnings

import numpy as np
import sklearn
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, precision_recall_fscore_support

warnings.filterwarnings("ignore")
rng = np.random.default_rng(20240229)
AVERAGES = ("micro", "macro", "weighted")


def write(name, values):
    values = np.asarray(values, dtype=np.float64)
    dims = " ".join(str(d) for d in values.shape)
    print(f"{name} {dims} : " + " ".join(repr(float(v)) for v in values.flatten()))


def softmax(documents, classes, sharpness=2.0):
    logits = sharpness * rng.standard_normal((documents, classes))
    e = np.exp(logits)
    return e / e.sum(axis=1, keepdims=True)


def averages(name, gold, predicted, kinds):
    for kind in kinds:
        write(f"{name}.{kind}", precision_recall_fscore_support(gold, predicted, average=kind)[:3])


def one_label(name, probabilities, gold):
    """gold: class numbers; -1, -2 stand for two labels that training never had."""
    classes = probabilities.shape[1]
    word = lambda k: f"c{k}" if k >= 0 else f"u{-k}"
    y_true = np.array([word(k) for k in gold])
    y_pred = np.array([word(k) for k in probabilities.argmax(axis=1)])
    labels = [word(k) for k in range(classes)] + sorted({word(k) for k in gold if k < 0})
    padded = np.hstack([probabilities, np.zeros((len(gold), len(labels) - classes))])

    write(f"{name}.probabilities", probabilities)
    write(f"{name}.gold", gold)
    write(f"{name}.accuracy", [accuracy_score(y_true, y_pred)])
    write(f"{name}.log_loss", [log_loss(y_true, padded, labels=labels)])
    averages(name, y_true, y_pred, AVERAGES)
    write(f"{name}.classes", precision_recall_fscore_support(y_true, y_pred, labels=labels))
    write(f"{name}.confusion", confusion_matrix(y_true, y_pred, labels=labels))


def several_labels(name, probabilities, targets):
    """targets may have more columns than probabilities: labels that training never had."""
    unseen = targets.shape[1] - probabilities.shape[1]
    padded = np.hstack([probabilities, np.zeros((len(targets), unseen))])
    predicted = (padded > 0.5).astype(int)
    losses = [log_loss(targets[:, k], padded[:, k], labels=[0, 1]) for k in range(targets.shape[1])]

    write(f"{name}.probabilities", probabilities)
    write(f"{name}.targets", targets)
    write(f"{name}.accuracy", [accuracy_score(targets, predicted)])
    write(f"{name}.log_loss", [np.mean(losses)])
    averages(name, targets, predicted, AVERAGES + ("samples",))
    write(f"{name}.classes", precision_recall_fscore_support(targets, predicted))


print(f"# Made by make_metrics_reference.py with scikit-learn {sklearn.__version__}. Do not edit.")
one_label("plain", softmax(60, 4), rng.integers(0, 4, 60))
one_label("binary", softmax(25, 2), rng.integers(0, 2, 25))
one_label("one_document", softmax(1, 3), np.array([1]))

p = softmax(30, 5)
p[:, 3] = 0  # never predicted; 4 is neither gold nor predicted, 2 never gold
p[:, 4] = 0
one_label("absent", p / p.sum(axis=1, keepdims=True), rng.choice([0, 1, 3], 30))
one_label("unseen", softmax(30, 3), rng.choice([0, 1, 2, -1, -2], 30))

certain = np.eye(3)[rng.integers(0, 3, 12)]  # probabilities of 0 and 1: the clipping
one_label("certain", certain, rng.integers(0, 3, 12))
one_label("tie", np.full((4, 4), 0.25), np.array([0, 1, 2, 0]))

several_labels("labels", rng.random((40, 5)), (rng.random((40, 5)) < 0.4).astype(int))
t = (rng.random((30, 4)) < 0.3).astype(int)
t[:, 2] = 0  # a label that no document has
t[:6] = 0    # documents without a label
p = rng.random((30, 4))
p[:, 3] *= 0.5  # a label that is never predicted
several_labels("labels_absent", p, t)
several_labels("labels_unseen", rng.random((30, 3)), (rng.random((30, 5)) < 0.3).astype(int))
several_labels("labels_silent", 0.4 * rng.random((10, 3)), (rng.random((10, 3)) < 0.3).astype(int))
several_labels("labels_certain", (rng.random((10, 3)) < 0.5).astype(float), (rng.random((10, 3)) < 0.5).astype(int))
