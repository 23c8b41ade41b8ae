//! Event files of TensorBoard: numbers as scalars, what models say as text.
//!
//! Fields of the messages: `tensorflow/tensorboard: compat/proto/{event,summary,tensor}.proto`. A number that is not
//! finite stays in the chart as NaN.

use std::collections::BTreeMap;

use super::record::{Message, record};
use crate::runs::store::{Event, Line};

/// `DT_STRING` of `types.proto`.
const TEXT: u64 = 7;

/// Names of the steps of a run; where there are several, tags begin with them.
pub type StepNames = BTreeMap<usize, String>;

/// The content of an event file.
pub fn tensorboard(lines: &[Line], steps: &StepNames) -> Vec<u8> {
    let started = lines.first().map_or(0.0, |line| line.time);
    [beginning(started), records(lines, steps)].concat()
}

/// What every event file begins with.
pub fn beginning(started: f64) -> Vec<u8> {
    record(&Message::default().double(1, started).bytes(3, b"brain.Event:2").finish())
}

/// The records of these events, to be added to a file. A tag is the name of the number, after the name of its step when
/// there are several.
pub fn records(lines: &[Line], steps: &StepNames) -> Vec<u8> {
    let mut file = Vec::new();
    let tag = |step: &usize, name: &str| match steps.get(step) {
        Some(step) if steps.len() > 1 => format!("{step}/{name}"),
        _ => name.to_owned(),
    };
    for line in lines {
        let (at, value) = match &line.event {
            Event::Metric { step, name, at, value } => (*at, number(&tag(step, name), value.unwrap_or(f64::NAN))),
            Event::Progress { step, stage, done, rate: Some(rate), .. } => {
                (*done, number(&tag(step, &format!("units per second/{stage}")), *rate))
            }
            Event::Sample { step, at, prompt, text, truth } => {
                (*at, words(&tag(step, "samples"), &sample(prompt, text, truth.as_deref())))
            }
            _ => continue,
        };
        let summary = Message::default().message(1, &value);
        let event = Message::default().double(1, line.time).int(2, at).message(5, &summary);
        file.extend(record(&event.finish()));
    }
    file
}

/// `Summary.Value` with a tag and a simple value.
fn number(tag: &str, value: f64) -> Message {
    Message::default().bytes(1, tag.as_bytes()).float(2, value as f32)
}

/// `Summary.Value` with a tag, a tensor of one string, and the mark of the text plugin.
fn words(tag: &str, text: &str) -> Message {
    let shape = Message::default().message(2, &Message::default().int(1, 1));
    let tensor = Message::default().int(1, TEXT).message(2, &shape).bytes(8, text.as_bytes());
    let plugin = Message::default().bytes(1, b"text");
    let metadata = Message::default().message(1, &plugin);
    Message::default().bytes(1, tag.as_bytes()).message(8, &tensor).message(9, &metadata)
}

/// In Markdown, which TensorBoard shows.
fn sample(prompt: &str, text: &str, truth: Option<&str>) -> String {
    let truth = truth.map(|truth| format!("\n\nthe original: {truth}")).unwrap_or_default();
    format!("{prompt} **{text}**{truth}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_the_bytes_that_the_package_of_tensorboard_writes() {
        let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/events");
        let text = std::fs::read_to_string(golden.join("run.jsonl")).unwrap();
        let lines: Vec<Line> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let written = tensorboard(&lines, &StepNames::from([(0, "0-train".to_owned())]));
        assert!(written == std::fs::read(golden.join("run.tfevents")).unwrap(), "other bytes");
        let with_steps = tensorboard(&lines, &StepNames::from([(0, "0-a".to_owned()), (1, "1-b".to_owned())]));
        let tags = |file: &[u8]| file.windows(8).filter(|w| w == b"0-a/loss").count();
        assert_eq!((tags(&written), tags(&with_steps)), (0, 3));
    }

    /// Reads as TensorBoard does: record by record, checking lengths and checksums.
    #[test]
    fn records_read_back() {
        let event = Event::Metric { step: 0, name: "loss".to_owned(), at: 300, value: Some(0.5) };
        let file = tensorboard(&[Line { time: 2.0, event }], &StepNames::new());
        let mut rest = file.as_slice();
        let mut records = Vec::new();
        while !rest.is_empty() {
            let (head, tail) = rest.split_at(12);
            let length = u64::from_le_bytes(head[..8].try_into().unwrap()) as usize;
            assert_eq!(record(&tail[..length])[8..12], head[8..], "checksum of the length");
            assert_eq!(record(&tail[..length])[12 + length..], tail[length..length + 4], "checksum of the content");
            records.push(&tail[..length]);
            rest = &tail[length + 4..];
        }
        assert_eq!(records.len(), 2);
        assert!(records[0].ends_with(b"brain.Event:2"));
        // wall_time 2.0; step 300 as varint; summary { value { tag: "loss", simple_value: 0.5 } }.
        let expected = [
            &[9, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x10, 0xac, 2, 0x2a, 13, 0x0a, 11, 0x0a, 4][..],
            b"loss",
            &[0x15, 0, 0, 0, 0x3f],
        ];
        assert_eq!(records[1], expected.concat());
    }
}
