"""The parts of a split GGUF file as one file, for as long as it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gguf import GGUFReader, GGUFValueType, GGUFWriter


@contextmanager
def joined(parts: Sequence[Path], whole: Path) -> Iterator[Path]:
    """Write all tensors of the parts under the first part's metadata; removed at the end.

    Args:
        parts: in order.
        whole: the file to be written.
    """
    readers = [GGUFReader(part) for part in parts]
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
