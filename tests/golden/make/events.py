"""Writes events/run.tfevents by the tensorboard package, and checks an event file of Memoscope with it.

    python tests/golden/make/events.py                  makes the golden file
    python tests/golden/make/events.py FILE             reads FILE as TensorBoard does and prints what it finds
"""

import json
import struct
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

HERE = Path(__file__).resolve().parent.parent / "events"


def scalar(tag, value):
    return summary_pb2.Summary.Value(tag=tag, simple_value=value)


def text(tag, words):
    shape = tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)])
    tensor = tensor_pb2.TensorProto(dtype=7, tensor_shape=shape, string_val=[words.encode()])
    plugin = summary_pb2.SummaryMetadata.PluginData(plugin_name="text")
    metadata = summary_pb2.SummaryMetadata(plugin_data=plugin)
    return summary_pb2.Summary.Value(tag=tag, tensor=tensor, metadata=metadata)


def make():
    events = [event_pb2.Event(wall_time=1700000000.25, file_version="brain.Event:2")]
    for line in (HERE / "run.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "metric":
            value = float("nan") if event["value"] is None else event["value"]
            value, at = scalar(event["name"], value), event["at"]
        elif event["event"] == "progress" and event["rate"] is not None:
            value, at = scalar(f"units per second/{event['stage']}", event["rate"]), event["done"]
        elif event["event"] == "sample":
            truth = f"\n\nthe original: {event['truth']}" if "truth" in event else ""
            value, at = text("samples", f"{event['prompt']} **{event['text']}**{truth}"), event["at"]
        else:
            continue
        summary = summary_pb2.Summary(value=[value])
        events.append(event_pb2.Event(wall_time=event["time"], step=at, summary=summary))
    with open(HERE / "run.tfevents", "wb") as file:
        writer = RecordWriter(file)
        for event in events:
            writer.write(event.SerializeToString(deterministic=True))
        writer.flush()


def check(path):
    found = EventAccumulator(path, size_guidance={"scalars": 0, "tensors": 0}).Reload()
    for tag in found.Tags()["scalars"]:
        for event in found.Scalars(tag):
            print(tag, event.step, struct.unpack("f", struct.pack("f", event.value))[0], event.wall_time)
    for tag in found.Tags()["tensors"]:
        for event in found.Tensors(tag):
            print(tag, event.step, event.tensor_proto.string_val[0].decode())


if __name__ == "__main__":
    check(sys.argv[1]) if len(sys.argv) > 1 else make()
