"""One command to a photograph: photos.py SOURCE.tn WORK. The recorded pictures of ImageNet are written as PNG files, and
`tenon run` must name the class that another program found, with its probability, by the source and by the library."""
import os
import pathlib
import re
import subprocess
import sys

import numpy as np

sys.dont_write_bytecode = True
source, work = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tools"))
import png  # noqa: E402

# Deep networks in another order of sums; six digits are printed.
MARK = 1e-4
NUMBERS = ["--channels=bgr", "--scale=255", "--mean=103.939,116.779,123.68"]

data = pathlib.Path(os.environ["TENON_DATA"]) / "squeezenet-imagenet"
weights = f"--weights={data / 'squeezenet_f16.safetensors'}"
library, labels = work / "squeezenet.so", work / "labels.txt"
work.mkdir(parents=True, exist_ok=True)
labels.write_text("".join(f"class {i}\n" for i in range(1000)))
subprocess.run(["tenon", "compile", source, weights, "-march=native", "-o", library], check=True)


def look(program, files, *options):
    """The class that is most likely, and how likely it is, of each picture."""
    done = subprocess.run(["tenon", "run", program, "x=@" + ",@".join(map(str, files)), *NUMBERS, f"--labels={labels}", *options],
                          check=True, capture_output=True, text=True)
    found = re.findall(r"^y\[\d+\]: 5 largest of 1000\n +(\d+)  (\S+) +class (\d+)$", done.stdout, re.MULTILINE)
    assert len(found) == len(files) and all(index == label for index, _, label in found), done.stdout
    return [(int(index), float(value)) for index, value, _ in found]


def compare(what, found, probabilities):
    for (index, value), row in zip(found, probabilities):
        if index != row.argmax() or abs(value - row.max()) > MARK:
            sys.exit(f"{what}: class {index} with {value}, expected {row.argmax()} with {row.max()}")


with np.load(data / "io.npz") as file:
    pictures, truth, probabilities = file["images_rgb_224"], file["labels"], file["prob"]
files = [work / f"photo{i}.png" for i in range(len(pictures))]
for path, picture in zip(files, pictures):
    png.write(path, picture)
alone = [look(library, [path])[0] for path in files]
compare("one by one", alone, probabilities)
together = look(library, files)
compare("together", together, probabilities)
compare("interpreted", look(source, files[:1], weights), probabilities)
print(f"{sum(index == label for (index, _), label in zip(alone, truth))} of {len(truth)} right")

# A picture with a border around it, which is cut off again.
bordered = work / "bordered.png"
png.write(bordered, np.pad(pictures[0], ((10, 10), (16, 16), (0, 0)), mode="edge"))
compare("cut", look(library, [bordered], "--crop=224"), probabilities)
