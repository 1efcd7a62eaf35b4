"""A checkpoint changed on purpose: the bundled model with noise on its weights.

    python benchmarks/noised.py FOLDER [--noise 0.05] [--seed 0]

To each matrix W of the model independent normal noise of NOISE times the standard deviation of W's
entries is added; vectors (norms) stay. FOLDER then is a checkpoint in the hub's
format like any other: `python -m harness model=FOLDER`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Write one changed checkpoint."""
    parser = argparse.ArgumentParser(description="The bundled model with noise on its weights")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--noise", type=float, default=0.05, help="of each matrix's own spread")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT))  # a checkout that is not installed will do
    print(save_noised(args.folder, args.noise, args.seed))


def save_noised(folder: Path, noise: float, seed: int = 0) -> Path:
    """The bundled model with noise on its weights, saved in `folder`; gives the folder.

    Args:
        folder: is made.
        noise: standard deviation of what is added to a matrix, over that of its entries.
        seed: of the noise.
    """
    import torch
    from safetensors.torch import load_file, save_file

    from harness.models.bundled import bundled_folder

    source = bundled_folder("smollm2")
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    generator = torch.Generator().manual_seed(seed)
    for path in sorted(source.glob("*.safetensors")):
        tensors = load_file(path)
        for name, tensor in sorted(tensors.items()):
            if tensor.ndim == 2:
                drawn = torch.randn(tensor.shape, generator=generator)
                tensors[name] = (tensor + noise * tensor.float().std() * drawn).to(tensor.dtype)
        save_file(tensors, folder / path.name, metadata={"format": "pt"})
    return folder


if __name__ == "__main__":
    main()
