"""The recorded models that read or write sequences, as cases.py has the others.

States may be 1e-4 of their range away after hundreds of steps. What the world sees, words, phonemes, dates, is compared
letter by letter.
"""
import json

import numpy as np

from cases import DEEP, Case, safetensors_read


def silero_vad(data):
    """A minute of speech as 600 frames: one by one, and a hundred in a call."""
    io = np.load(data / "silero-vad/io.npz")
    frames, p = io["chunks"], io["probs_safetensors_weights"]
    memories = {99: "before", 100: "after", 599: "last"}

    def calls(model, rows):
        if rows:
            return {"p_all": model.call("detect_all", xs=frames[:rows])["ps"]}
        hundreds = [model.call("detect_all", xs=frames[i:i + 100])["ps"] for i in range(0, 600, 100)]
        got = {"p_all": np.concatenate(hundreds)}
        model.reset()
        steps = [model.call("detect", x=frame) for frame in frames]
        got["p"] = np.concatenate([step["p"] for step in steps])
        return got | {name: steps[i]["memory"] for i, name in memories.items()}

    expected = {"p": p, "p_all": p, "before": io["state_before_100"], "after": io["state_after_100"],
                "last": io["state_final"]}
    return Case({}, expected, calls=calls, marks={"before": DEEP, "after": DEEP, "last": DEEP})


def thai_bilstm(data):
    """The thirty sentences that ICU4X tests itself with; the likeliest tags spell what it expects."""
    folder = data / "thai-bilstm-icu"
    sentences = json.loads((folder / "icu4x_test_text_codepoints.json").read_text())["testcases"]
    numbers = json.loads((folder / "weights.json").read_text())["dic"]
    io = np.load(folder / "io.npz")

    def calls(model, rows):
        got = {"tags": [], "chances": []}
        for sentence in sentences[:rows]:
            characters = [numbers.get(character, len(numbers)) for character in sentence["unseg"]]
            y = model.call("tag", characters=np.array(characters, np.int32))["y"]
            got["tags"].append("".join("bies"[k] for k in y.argmax(axis=1)))
            got["chances"].append(y)
        return {"tags": np.array(got["tags"])} | ({} if rows else {"chances": np.concatenate(got["chances"])})

    expected = {"tags": np.array([sentence["expected_bies"] for sentence in sentences]),
                "chances": np.concatenate([io[f"bies_{i}"] for i in range(len(sentences))])}
    return Case({}, expected, calls=calls)


def sleepecg(data, name):
    io = np.load(data / "sleepecg-bigru/io.npz")
    return Case({"x": io[f"{name}-gru-mesa_x"][:, 0]}, {"y": io[f"{name}-gru-mesa_y"]})


def sleepecg_wrn(data):
    return sleepecg(data, "wrn")


def sleepecg_ws(data):
    return sleepecg(data, "ws")


def sleepstages(data):
    """Two recordings: the windows one by one, and all of a recording in a call. The mice are awake."""
    io = np.load(data / "sleepstages-cnn-bilstm/io.npz")
    recordings = {name: io[f"W98DEW_{name}_epochs"] for name in ("sample", "demo")}
    expected = {name: io[f"W98DEW_{name}_logits"] for name in recordings}
    expected |= {f"{name}_all": logits for name, logits in expected.items()}
    expected |= {f"{name}_stages": np.array(["W"] * len(expected[name])) for name in recordings}

    def calls(model, rows):
        if rows:
            return {"demo_all": model.call("stage_all", x=recordings["demo"][:rows + 8])["y"]}
        got = {}
        for name, epochs in recordings.items():
            windows = [model.call("stage", x=epochs[i:i + 9])["y"] for i in range(len(epochs) - 8)]
            got[name] = np.concatenate(windows)
            got[f"{name}_all"] = model.call("stage_all", x=epochs)["y"]
            got[f"{name}_stages"] = np.array(["SWR"[k] for k in got[name].argmax(axis=1)])
        return got

    return Case({}, expected, calls=calls)


def glow_rnn(data):
    """Graphs of one layer each; their references are those of PyTorch."""
    variants = {"Forward": "", "ForwardNoBias": "-Dbias=false", "ForwardNoState": "", "Reverse": "-Dbackward=true",
                "Bidirectional": "-DD=2"}
    graphs = {f"{kind}{variant}": [f"-Dkind={kind}", option] for kind in ("rnn", "gru", "lstm")
              for variant, option in variants.items()}
    graphs |= {"gruForwardLinearBeforeReset": ["-Dkind=gru", "-Dafter=true"],
               "lstmForwardInputForget": ["-Dkind=lstm", "-Dcoupled=true"],
               "lstmForwardWithPeephole": ["-Dkind=lstm", "-Dpeephole=true"]}
    for graph, options in graphs.items():
        path = data / "glow-rnn-selfcheck" / f"{graph}.safetensors"
        tensors = safetensors_read(path)
        y = tensors["Y_ref"]
        zeros = np.zeros(y.shape[1:], np.float32)
        inputs = {"x": tensors["X"], "h": tensors.get("initial_h", zeros), "c": tensors.get("initial_c", zeros),
                  "reference": y}
        yield Case(inputs, {"y": y, "difference": np.zeros_like(y)}, 2e-6,
                   options=[f"--weights={path}", *filter(None, options)])


# ---- Words ----

def rnnlm_ptb(data):
    folder = data / "dlfs2-rnnlm-ptb"
    words = json.loads((folder / "vocab.json").read_text())
    texts = json.loads((folder / "expected.json").read_text())["greedy_20_words_skipping_N_unk_dollar"]
    io = np.load(folder / "io.npz")
    text = io["ids"][:, 0]
    never = np.isin(words, ["N", "<unk>", "$"])

    def write(model, first):
        ids = model.call("write", first=np.array(words.index(first), np.int32), never=never, W=20)["text"]
        return " ".join([first, *(words[i] for i in ids)])

    def calls(model, rows):
        if rows:
            y = model.call("score", text=text[:rows].astype(np.int32))["y"]
            return {"y": y, "written": np.array([write(model, first) for first in texts])}
        got = model.call("score", text=text)
        model.reset()
        got["stepwise"] = np.stack([model.call("next", word=word)["y"] for word in text])
        got["perplexity"] = np.array([f"{got['perplexity']:.3f}"])
        got["written"] = np.array([write(model, first) for first in texts])
        return got

    expected = {"y": io["score"][:, 0], "stepwise": io["score"][:, 0], "h": io["h_out"][0], "c": io["c_out"][0],
                "perplexity": np.array(["84.065"]), "written": np.array(list(texts.values()))}
    return Case({}, expected, calls=calls)


def g2p(data):
    """A thousand words of CMUdict. Phonemes are those that PyTorch chose, and 679 words are spoken as the dictionary has
    them; of some words the states and logits are known."""
    folder = data / "g2p-gru-seq2seq"
    known = json.loads((folder / "expected_words.json").read_text())
    io = np.load(folder / "io.npz")
    traced = [name[:-4] for name in io.files if name.endswith(".ids")]

    def pronounce(model, word):
        letters = [known["graphemes"].index(letter) if letter in known["graphemes"] else 1 for letter in word]
        return model.call("pronounce", letters=np.array([*letters, 2], np.int32))

    def spoken(got):
        return " ".join(known["phonemes"][i] for i in got["phonemes"][:got["count"]] if i != 3)

    def calls(model, rows):
        words = list(known["words"])[:rows]
        got = {"spoken": np.array([spoken(pronounce(model, word)) for word in words])}
        if rows:
            return got
        right = sum(text == " ".join(known["words"][word]["cmudict"]) for text, word in zip(got["spoken"], words))
        traces = [pronounce(model, word) for word in traced]
        return got | {"right": np.array([right]), "memory": np.concatenate([trace["memory"] for trace in traces]),
                      "logits": np.concatenate([trace["logits"][:trace["count"]] for trace in traces])}

    expected = {"spoken": np.array([" ".join(word["greedy"]) for word in known["words"].values()]),
                "right": np.array([679]), "memory": np.concatenate([io[f"{word}.h"] for word in traced]),
                "logits": np.concatenate([io[f"{word}.logits"] for word in traced])}
    return Case({}, expected, calls=calls)


def seq2seq_date(data):
    """Five thousand dates; what comes out is spelled, and looked up in the list that the dates are from."""
    folder = data / "dlfs2-seq2seq-attention-date"
    letters = {number: letter for letter, number in json.loads((folder / "vocab.json").read_text()).items()}
    meant = dict(line.split("_") for line in (folder / "date.txt").read_text().splitlines())
    io = np.load(folder / "io.npz")
    asked = io["src_ids_reversed"]

    def text_of(ids):
        return "".join(letters[int(i)] for i in ids)

    def calls(model, rows):
        few = asked[:rows]
        parts = [model.call("translate", text=few[i:i + 100]) for i in range(0, len(few), 100)]
        got = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return {"dates": np.array([text_of(ids) for ids in got["ids"]]), "scores": got["scores"][:50],
                "attention": got["attention"][:50]}

    expected = {"dates": np.array([meant[text_of(ids[::-1])] for ids in asked]), "scores": io["scores_first50"],
                "attention": io["attn_first50"]}
    return Case({}, expected, calls=calls)


def convlstm_rainfall(data):
    io = np.load(data / "convlstm-rainfall/io.npz")
    return Case({"x": io["x"]}, {"y": io["y"]})


def microtcn(data):
    folder = data / "rtneural/orig"
    parts = {part: json.loads((folder / f"models/microtcn/{part}.json").read_text()) for part in ("conv1", "bn", "relu", "res")}
    kinds = ("weight", "bias", "running_mean", "running_var")
    weights = {f"{part}.{kind}": np.array(tensors[kind], np.float32) for part, tensors in parts.items() for kind in kinds
               if kind in tensors}
    x = np.loadtxt(folder / "test_data/microtcn_x.csv", dtype=np.float32)
    y = np.loadtxt(folder / "test_data/microtcn_y.csv", delimiter=",", dtype=np.float32)
    return Case({"x": x[None, None]}, {"y": y[None]}, weights=weights)
