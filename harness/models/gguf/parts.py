"""The parts of a split GGUF file as one file, for as long as it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gguf import GGUFReader, GGUFValueType, GGUFWriter

from harness.types import HarnessError


@contextmanager
def joined(parts: Sequence[Path], whole: Path) -> Iterator[Path]:
    """Write all tensors of the parts under the first part's metadata; removed at the end.

    Args:
        parts: in order.
        whole: the file to be written.

    Raises:
        HarnessError: a part is cut, has no architecture, or holds a tensor of another again.
    """
    readers = [read_whole(part) for part in parts]
    _refuse_unlike(readers, parts)
    architecture = readers[0].fields["general.architecture"].contents()
    writer = GGUFWriter(whole, architecture, endianess=readers[0].endianess)
    try:
        for field in readers[0].fields.values():
            if field.name.startswith(("GGUF.", "split.")) or field.name == "general.architecture":
                continue
            kind = field.types[0]
            inner = field.types[-1] if kind == GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), kind, sub_type=inner)
        tensors = [tensor for reader in readers for tensor in reader.tensors]
        for tensor in tensors:
            data = tensor.data
            writer.add_tensor_info(
                tensor.name, data.shape, data.dtype, data.nbytes, tensor.tensor_type
            )
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for tensor in tensors:
            writer.write_tensor_data(tensor.data)
        writer.close()
        yield whole
    finally:
        whole.unlink(missing_ok=True)


def read_whole(path: Path) -> GGUFReader:
    """What a file says, every tensor of which is there.

    Raises:
        HarnessError: it ends before what it declares, or is damaged.
    """
    try:
        return GGUFReader(path)
    except (ValueError, IndexError, KeyError, OSError, OverflowError) as error:
        reason = " ".join(str(error).split())[:150]
        raise HarnessError(
            f"model={str(path)!r} is no whole GGUF file ({type(error).__name__}: {reason}), as "
            "one whose download was broken off; copy it anew"
        ) from error


def _refuse_unlike(readers: Sequence[GGUFReader], parts: Sequence[Path]) -> None:
    """Refuse parts that are not those of one split file."""
    if "general.architecture" not in readers[0].fields:
        raise HarnessError(
            f"model={str(parts[0])!r} has no general.architecture, so that it is not the first "
            "part of a split GGUF file; copy all parts anew"
        )
    seen: dict[str, Path] = {}
    for reader, part in zip(readers, parts, strict=True):
        for tensor in reader.tensors:
            if tensor.name in seen:
                raise HarnessError(
                    f"model={str(part)!r} holds the tensor {tensor.name!r}, which "
                    f"{seen[tensor.name].name} holds too, so that they are not parts of one GGUF "
                    "file; copy all parts anew"
                )
            seen[tensor.name] = part
