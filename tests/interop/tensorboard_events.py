"""TensorBoard reads the event files of a run: every scalar comes back as metrics.jsonl has it.

    python tests/interop/tensorboard_events.py RUN

RUN was made by `gpu-mnist train --tensorboard`. Without TensorBoard it says SKIPPED.
"""

import io
import json
import pathlib
import sys

try:
    from tensorboard.backend.event_processing import event_accumulator
except ImportError as error:
    print(f"SKIPPED (interop): tensorboard_events: {error}: pip install tensorboard")
    sys.exit(0)


def expected(run):
    """(tag, step) -> value, from the records of the run."""
    values = {}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        step = record["step"]
        if record["kind"] == "step":
            values["loss/train", step] = record["loss"]
            values["accuracy/train", step] = record["accuracy"]
            values["learning_rate", step] = record["learning_rate"]
        elif record["valid_loss"] is not None:
            values["loss/validation", step] = record["valid_loss"]
            values["accuracy/validation", step] = record["valid_accuracy"]
    record = json.loads((run / "run.json").read_text())
    values["loss/test", record["steps"]] = record["evaluation"]["loss"]
    values["accuracy/test", record["steps"]] = record["evaluation"]["accuracy"]
    return values


def main(run):
    accumulator = event_accumulator.EventAccumulator(
        str(run), size_guidance={event_accumulator.SCALARS: 0, event_accumulator.IMAGES: 0}
    )
    accumulator.Reload()
    found = {}
    for tag in accumulator.Tags()["scalars"]:
        for event in accumulator.Scalars(tag):
            assert (tag, event.step) not in found, f"{tag} has step {event.step} twice"
            found[tag, event.step] = event.value
    wanted = expected(run)
    # A run that ended and was trained further was evaluated at each of its ends.
    last = json.loads((run / "run.json").read_text())["steps"]
    found = {key: value for key, value in found.items() if key in wanted or "/test" not in key[0] or key[1] > last}
    assert found.keys() == wanted.keys(), sorted(found.keys() ^ wanted.keys())
    for key, value in wanted.items():
        difference = abs(found[key] - value)
        assert difference <= 1e-6 * max(1.0, abs(value)), (key, found[key], value)
    pictures = 0
    for tag in accumulator.Tags()["images"]:
        for event in accumulator.Images(tag):
            data = event.encoded_image_string
            assert data.startswith(b"\x89PNG"), tag
            try:
                from PIL import Image

                assert Image.open(io.BytesIO(data)).size == (event.width, event.height)
            except ImportError:
                pass
            pictures += 1
    assert pictures >= 2, f"only {pictures} pictures"
    print(f"{len(found)} scalars in {len(accumulator.Tags()['scalars'])} tags and {pictures} pictures agree")


main(pathlib.Path(sys.argv[1]))
