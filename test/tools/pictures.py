"""What becomes of pictures on their way into a network: pictures.py WORK, where WORK/write_jpeg is the program of
write_jpeg.c. Networks of pictures.tn hand their input on; here it is computed a second time."""
import pathlib
import subprocess
import sys
import zlib

import numpy as np

sys.dont_write_bytecode = True
import png  # noqa: E402

WORK = pathlib.Path(sys.argv[1])
SOURCE = pathlib.Path(__file__).with_name("pictures.tn")
# Height and width, those after resizing, and the CRC-32 of the pixels that Pillow 11.3 made of png.photo.
PILLOW = [
    (45, 60, 30, 40, 0x2b8363cb), (60, 45, 26, 20, 0xc6721f5d), (9, 14, 36, 56, 0x0d7c2bd8),
    (200, 31, 40, 6, 0x53882748), (45, 60, 7, 90, 0xb2bb2927), (64, 48, 64, 11, 0xe70d16b7),
]
PILLOW_LUMA = (45, 60, 0x35602931)
checks = 0


def run(program, entry, *words, result=None):
    """The one result of the entry, or the one named."""
    done = subprocess.run(["tenon", "run", program, f"--entry={entry}", *words, "-o", WORK / "out.npz"],
                          capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{entry} {' '.join(words)}: status {done.returncode}\n{done.stderr}")
    with np.load(WORK / "out.npz") as file:
        return file[result or file.files[0]]


def check(what, got, expected, most=0.0):
    """Equal, or no element further off than |most|."""
    global checks
    checks += 1
    if got.shape != np.shape(expected):
        sys.exit(f"{what}: shape {got.shape}, expected {np.shape(expected)}")
    error = np.abs(got.astype(np.float64) - expected).max()
    if not error <= most:
        sys.exit(f"{what}: off by {error}, allowed are {most}")


def write(name, samples, **form):
    png.write(WORK / name, samples, **form)
    return f"x=@{WORK / name}"


def write_jpeg(name, samples, form="rgb"):
    height, width = samples.shape[:2]
    subprocess.run([WORK / "write_jpeg", WORK / name, str(height), str(width), form], input=samples.tobytes(), check=True)
    return f"x=@{WORK / name}"


def chw(pixels):
    return pixels.transpose(2, 0, 1)


def luma(pixels):
    return np.rint(pixels @ np.array([0.299, 0.587, 0.114]))


# ---- Every form of PNG ----

def png_forms():
    random = np.random.default_rng(7)
    shape = (11, 13)
    for interlaced in (False, True):
        for depth in (1, 2, 4, 8, 16):
            most = 2 ** depth - 1
            grey = random.integers(0, most + 1, shape)
            exact = grey * 255.0 / most
            for form in ({}, {"transparent": b"\0\0"}):
                file = write("grey.png", grey, kind=png.GREY, depth=depth, interlaced=interlaced, **form)
                # 16 bits are rounded to 8; fewer are multiples of them.
                check(f"grey, {depth} bits", run(SOURCE, "grey", file), np.rint(exact))
                check(f"grey as colour, {depth} bits", run(SOURCE, "pixels", file), np.stack([np.rint(exact)] * 3))
        for depth in (1, 2, 4, 8):
            palette = random.integers(0, 256, (2 ** depth, 3))
            indices = random.integers(0, 2 ** depth, shape)
            for form in ({}, {"transparent": bytes(range(2 ** depth))}):
                file = write("palette.png", indices, kind=png.PALETTE, depth=depth, palette=palette, interlaced=interlaced, **form)
                check(f"palette, {depth} bits", run(SOURCE, "pixels", file), chw(palette[indices]))
        for depth in (8, 16):
            most = 2 ** depth - 1
            colour = random.integers(0, most + 1, (*shape, 4))
            exact = np.rint(colour * 255.0 / most)
            file = write("rgb.png", colour[..., :3], kind=png.RGB, depth=depth, interlaced=interlaced)
            check(f"rgb, {depth} bits", run(SOURCE, "pixels", file), chw(exact[..., :3]))
            file = write("alpha.png", colour, kind=png.RGB_ALPHA, depth=depth, interlaced=interlaced)
            check(f"rgb with alpha, {depth} bits", run(SOURCE, "pixels", file), chw(exact[..., :3]))
            file = write("greya.png", colour[..., :2], kind=png.GREY_ALPHA, depth=depth, interlaced=interlaced)
            check(f"grey with alpha, {depth} bits", run(SOURCE, "grey", file), exact[..., 0])


# ---- JPEG ----

def jpeg_forms():
    """At quality 100 each of the 64 coefficients of a block is off by at most half, and few are at once; colour adds a
    rounding or two."""
    pixels = png.photo(40, 56)
    for form in ("rgb", "progressive"):
        file = write_jpeg("photo.png", pixels, form)  # known by its content
        check(f"jpeg, {form}", run(SOURCE, "pixels", file), chw(pixels), 4)
    file = write_jpeg("grey.jpg", pixels[..., 1], "grey")
    check("jpeg, grey", run(SOURCE, "grey", file), pixels[..., 1], 2)
    check("jpeg, grey as colour", run(SOURCE, "pixels", file), np.stack([pixels[..., 1]] * 3), 2)


# ---- Resizing and cutting ----

def resize_matrix(old, new):
    """Row i holds the weights of the old pixels in the new pixel i: a triangle as wide as the coarser of both."""
    scale = old / new
    middles = (np.arange(new) + 0.5) * scale
    distances = np.abs(np.arange(old) + 0.5 - middles[:, None]) / max(scale, 1)
    weights = np.clip(1 - distances, 0, None)
    return weights / weights.sum(axis=1, keepdims=True)


def resize(pixels, height, width):
    across = resize_matrix(pixels.shape[1], width) @ pixels.astype(np.float64)
    return np.einsum("ih,hwc->iwc", resize_matrix(pixels.shape[0], height), across)


def crop(pixels, height, width):
    # round() is to even, as it is there where networks are trained.
    top, left = round((pixels.shape[0] - height) / 2), round((pixels.shape[1] - width) / 2)
    return pixels[top:top + height, left:left + width]


def luma_of_pillow():
    height, width, crc = PILLOW_LUMA
    got = run(SOURCE, "grey", write("photo.png", png.photo(height, width)))
    check("luma", got, luma(png.photo(height, width)), 1)
    if zlib.crc32(got.tobytes()) != crc:
        sys.exit("luma: not the pixels that Pillow makes")


def resizing():
    for old_height, old_width, height, width, crc in PILLOW:
        pixels = png.photo(old_height, old_width)
        got = run(SOURCE, "pixels", write("photo.png", pixels), f"--resize={height}x{width}")
        # Rounded once for each axis, from weights that are exact to 2^-22.
        check(f"resize to {height}x{width}", got, chw(resize(pixels, height, width)), 1.01)
        found = zlib.crc32(np.ascontiguousarray(got.transpose(1, 2, 0)).tobytes())
        if found != crc:
            sys.exit(f"resize to {height}x{width}: not the pixels that Pillow makes: 0x{found:08x}")


def shorter_side():
    for height, width, side in ((45, 60, 31), (60, 45, 31), (33, 100, 50), (20, 20, 7), (21, 20, 20)):
        pixels = png.photo(height, width)
        expected = (side, side * width // height) if height <= width else (side * height // width, side)
        got = run(SOURCE, "pixels", write("photo.png", pixels), f"--resize={side}")
        check(f"shorter side of {height}x{width} to {side}", got, chw(resize(pixels, *expected)), 1.01)


def cutting():
    pixels = png.photo(23, 30)
    for height, width in ((23, 30), (22, 29), (21, 28), (20, 27), (19, 26), (18, 25), (1, 1)):
        got = run(SOURCE, "pixels", write("photo.png", pixels), f"--crop={height}x{width}")
        check(f"crop to {height}x{width}", got, chw(crop(pixels, height, width)))
    got = run(SOURCE, "pixels", write("photo.png", pixels), "--crop=9")
    check("crop to a square", got, chw(crop(pixels, 9, 9)))


# ---- Numbers ----

def numbers():
    library = WORK / "pictures.so"
    subprocess.run(["tenon", "compile", SOURCE, "-o", library], check=True)
    pixels = png.photo(8, 12)
    file, x = write("photo.png", pixels), chw(pixels)[None].astype(np.float64)
    mean, deviation = np.array([0.485, 0.456, 0.406]).reshape(3, 1, 1), np.array([0.229, 0.224, 0.225]).reshape(3, 1, 1)
    caffe = np.array([103.939, 116.779, 123.68]).reshape(3, 1, 1)
    cases = [
        ((), x / 255),
        (("--mean=0.485,0.456,0.406", "--std=0.229,0.224,0.225"), (x / 255 - mean) / deviation),
        (("--scale=255",), x),
        (("--mean=0.5", "--std=0.25"), (x / 255 - 0.5) / 0.25),
        (("--channels=bgr", "--scale=255", "--mean=103.939,116.779,123.68"), x[:, ::-1] - caffe),
        (("--channels=rgb", "--scale=2", "--mean=1"), x * 2 / 255 - 1),
    ]
    for options, expected in cases:
        # The same sum in doubles, rounded to f32 once: at most the last bit differs.
        last_bit = float(np.spacing(np.float32(np.abs(expected).max())))
        for program in (SOURCE, library):
            check(f"colour {options}", run(program, "colour", file, *options), expected, last_bit)
    grey = run(library, "one", file, "--mean=0.1307", "--std=0.3081")
    check("grey by luma", grey, (luma(pixels)[None, None] / 255 - 0.1307) / 0.3081, 1.01 / 255 / 0.3081)
    check("the luma's pixels", run(SOURCE, "grey", file), luma(pixels), 1)
    check("channels last", run(SOURCE, "last", file, "--channels=bgr"), x[0, ::-1].transpose(1, 2, 0)[None] / 255, 1e-7)
    check("alone", run(SOURCE, "colour", file[2:]), x / 255, 1e-7)
    got = run(SOURCE, "pair", file, "z=1.5", "--scale=255", result="a")
    check("beside another input", got, np.array(pixels.sum(dtype=np.float64)), 1)


def batches():
    pixels = [png.photo(8, 12), png.photo(16, 24)[:8, :12, ::-1], png.photo(40, 60)]
    files = [write(f"batch{i}.png", picture)[3:] for i, picture in enumerate(pixels)]
    expected = np.stack([chw(resize(picture, 8, 12)) for picture in pixels]) / 255
    words = "x=@" + ",@".join(files)
    check("batch", run(SOURCE, "colour", words, "--resize=8x12"), expected, 1.01 / 255)
    check("batch of all that it takes", run(SOURCE, "two", f"x=@{files[1]},@{files[0]}"), expected[[1, 0]], 1e-7)
    greys = np.stack([luma(resize(picture, 8, 12)) for picture in pixels])
    check("batch of greys", run(SOURCE, "greys", words, "--resize=8x12"), greys, 2)
    check("batch on channels", run(SOURCE, "last", words, "--resize=8x12"), expected.transpose(0, 2, 3, 1), 1.01 / 255)


for test in (png_forms, jpeg_forms, luma_of_pillow, resizing, shorter_side, cutting, numbers, batches):
    test()
print(f"{checks} checks")
