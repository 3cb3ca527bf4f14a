"""Pictures with something wrong, and labels, for the tests of `tenon run`; the folder that is named holds write_jpeg."""
import pathlib
import subprocess
import sys

import numpy as np

sys.dont_write_bytecode = True
import png  # noqa: E402

folder = pathlib.Path(sys.argv[1])
small, large = png.photo(8, 12), png.photo(30, 40)
good = png.encode(small)
files = {
    "small.png": good,
    "large.png": png.encode(large),
    "grey.png": png.encode(small[..., 0], kind=png.GREY),
    "primary.png": png.encode([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [51, 102, 153]]]),
    "cut.png": good[:len(good) // 2],
    "noend.png": good[:-12],
    "damaged.png": good.replace(b"IDAT", b"IDAT\xff", 1)[:-1],
    "short.png": png.encode(small, size=(12, 9)),
    "huge.png": png.encode(small, size=(2 ** 31 - 1, 2 ** 31 - 1)),
    "nothing.png": png.encode(small, size=(0, 8)),
    "flat.png": png.encode(np.zeros((1, 30000, 3), int)),
    "tall.png": png.encode(np.zeros((30000, 1, 3), int)),
    "other.png": b"GIF89a",
    "empty.jpg": b"",
    "words.jpg": b"a thousand words",
}
for name, content in files.items():
    (folder / name).write_bytes(content)
for name, form, pixels in (("photo", "rgb", large), ("scans", "progressive", large), ("print", "cmyk", np.zeros((4, 4, 4), np.uint8))):
    path = folder / f"{name}.jpg"
    subprocess.run([folder / "write_jpeg", path, *map(str, pixels.shape[:2]), form], input=pixels.tobytes(), check=True)
photo = (folder / "photo.jpg").read_bytes()
(folder / "cut.jpg").write_bytes(photo[:len(photo) // 2])
(folder / "header.jpg").write_bytes(photo[:8])
frame = photo.index(b"\xff\xc0")
(folder / "huge.jpg").write_bytes(photo[:frame + 5] + b"\xff\x00\xff\x00" + photo[frame + 9:])
(folder / "labels.txt").write_bytes(b"\xef\xbb\xbfa tench\r\n" + "".join(f"label {i}\n" for i in range(1, 11)).encode() + b"bell\x07")
(folder / "few.txt").write_text("one\ntwo\n")
(folder / "many.txt").write_text("x\n" * 13)
(folder / "binary.txt").write_bytes(b"a\0b")
