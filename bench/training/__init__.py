"""Training by the thesis' protocol.

loop           a trial's training on disk: epochs, checkpoints, the best weights
session        a model under training, step by step, in memory
schedule       learning rate, best epoch and the end of training
checkpoint     states to resume from, and weights
losses         the loss of every step
divergence     losses and statistics that are not finite
micro_batches  how an epoch is parted into steps, and a step into pieces
precision      mixed precision and torch.compile
determinism    random states, and operations without a deterministic algorithm
memory         memory of a GPU between trials, and running out of it
device_errors  errors of a device, as sentences
phases         the time of a trial by phase
"""
