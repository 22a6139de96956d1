"""One block for the weights of a recurrent layer, which cuDNN else gathers anew in every call."""

import torch


def flatten(layer: torch.nn.RNNBase) -> None:
    """After the layer has been moved: another type or device is other memory. Nothing on the CPU."""
    # flatten_parameters() leaves alone a type that is not listed, though cuDNN takes it.
    torch.backends.cudnn.CUDNN_TENSOR_DTYPES.add(torch.bfloat16)
    layer.flatten_parameters()
