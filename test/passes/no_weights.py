"""no_weights.py SOURCE.tn OUT.safetensors TENON: a weights file of nothing but zeros, which takes no place on the disk.

For what depends on shapes alone: graphs and schedules of large networks.
"""
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples"))
from make_weights import header_bytes, tensors_missing  # noqa: E402

source, out, tenon = sys.argv[1:]
head, size = header_bytes(tensors_missing(tenon, pathlib.Path(source)))
with open(out, "wb") as file:
    file.write(head)
    file.truncate(len(head) + size)
