"""The recorded models that read or write sequences, as cases.py has the others.

States may be 1e-4 of their range away after hundreds of steps. What the world sees, words, phonemes, dates, is compared
letter by letter.
"""
import numpy as np

from cases import DEEP, Case


def silero_vad(data):
    """A minute of speech as 600 frames: one by one, and a hundred in a call."""
    io = np.load(data / "silero-vad/io.npz")
    frames, p = io["chunks"], io["probs_safetensors_weights"]
    memories = {99: "before", 100: "after", 599: "last"}

    def calls(model, rows):
        if rows:
            return {"p_all": model.call("detect_all", xs=frames[:rows])["ps"]}
        got = {"p_all": np.concatenate([model.call("detect_all", xs=frames[i:i + 100])["ps"] for i in range(0, 600, 100)])}
        model.reset()
        steps = [model.call("detect", x=frame) for frame in frames]
        got["p"] = np.concatenate([step["p"] for step in steps])
        return got | {name: steps[i]["memory"] for i, name in memories.items()}

    expected = {"p": p, "p_all": p, "before": io["state_before_100"], "after": io["state_after_100"],
                "last": io["state_final"]}
    return Case({}, expected, calls=calls, marks={"before": DEEP, "after": DEEP, "last": DEEP})
