"""Make the 8-bit models that transformers.js loads, from the official weights.

The hub's own file can't be taken for granted here, so both ways of transformers.js's
converter are made: per tensor (what it does today when asked for q8) and per channel
with 7 bits (which it did by default before). Run by `bench.contenders` with the
packages `onnx` and `onnxruntime`, which the book's environment has not.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path

import torch

NAMES = ["input_ids", "attention_mask", "token_type_ids"]
OUTPUT = "last_hidden_state"


class LastHiddenState(torch.nn.Module):
    """A BERT that takes the three inputs by place and returns one tensor."""

    def __init__(self, model_dir: Path) -> None:
        from transformers import BertModel

        super().__init__()
        self.bert = BertModel.from_pretrained(
            model_dir, add_pooling_layer=False, attn_implementation="eager"
        )

    def forward(
        self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor
    ) -> torch.Tensor:
        """Return the last layer's states, (batch, tokens, 384), for (batch, tokens)."""
        found = self.bert(input_ids=ids, attention_mask=mask, token_type_ids=types)
        return found.last_hidden_state


def export(model_dir: Path, out: Path) -> None:
    """Write the model in float32 as ONNX, for batches and texts of any size."""
    ids = torch.ones(2, 8, dtype=torch.long)
    torch.onnx.export(
        LastHiddenState(model_dir).eval(),
        (ids, ids, torch.zeros_like(ids)),
        out,
        input_names=NAMES,
        output_names=[OUTPUT],
        dynamic_axes={name: {0: "batch", 1: "tokens"} for name in [*NAMES, OUTPUT]},
        opset_version=17,
        dynamo=False,  # the exporter that the hub's models were made with
    )


def main(model_dir: Path, models: Path) -> None:
    """Write `q8-per-tensor` and `q8-per-channel` into the folder `models`."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "model.onnx"
        export(model_dir, plain)
        for name, options in {
            "q8-per-tensor": {},
            "q8-per-channel": {"per_channel": True, "reduce_range": True},
        }.items():
            out = models / name / "onnx" / "model_quantized.onnx"
            # Only weights become 8 bits, as in the converter's own options
            only = {"MatMulConstBOnly": True}
            quantize_dynamic(
                plain, out, weight_type=QuantType.QInt8, extra_options=only, **options
            )


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
